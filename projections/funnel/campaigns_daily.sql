-- name: campaigns_daily
-- layer: funnel
-- question: The way from a dial to an agreement, by campaign and day of the attempt.
--   Talked is a contact with more than one turn or an agent, interested is level A or
--   B.
-- grain: one row per day, campaign_id
-- key: day, campaign_id
-- window: day day
-- inputs: funnel.campaigns_hourly.hour
-- columns: day moment | campaign_id text | leads_tried int64 | attempts int64 |
--   answered int64 | contacts int64 | talked int64 | interested int64 |
--   bridged int64 | committed int64 | opted_out int64 | talk_ms int64 ms
-- measures: sum(leads_tried, attempts, answered, contacts, talked, interested, bridged,
--   committed, opted_out, talk_ms)
-- tests: not_null(day, campaign_id); unique(day, campaign_id)
-- lateness: 36 h
-- refresh: 1 min
select
    date_trunc('day', hour) as day,
    campaign_id,
    sum(leads_tried) as leads_tried,
    sum(attempts) as attempts,
    sum(answered) as answered,
    sum(contacts) as contacts,
    sum(talked) as talked,
    sum(interested) as interested,
    sum(bridged) as bridged,
    sum(committed) as committed,
    sum(opted_out) as opted_out,
    sum(talk_ms) as talk_ms
from funnel.campaigns_hourly
group by date_trunc('day', hour), campaign_id
