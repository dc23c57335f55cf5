-- name: campaigns_hourly
-- layer: funnel
-- question: The way from a dial to an agreement, by campaign and hour of the attempt.
--   Talked is a contact with more than one turn or an agent, interested is level A or
--   B.
-- grain: one row per hour, campaign_id
-- key: hour, campaign_id
-- window: hour hour
-- inputs: attempts.started_at
-- columns: hour moment | campaign_id text | leads_tried int64 | attempts int64 |
--   answered int64 | contacts int64 | talked int64 | interested int64 |
--   bridged int64 | committed int64 | opted_out int64 | talk_ms int64 ms
-- measures: count(leads_tried, attempts, answered, contacts, talked, interested,
--   bridged, committed, opted_out); sum(talk_ms)
-- tests: not_null(hour, campaign_id); unique(hour, campaign_id)
-- lateness: 36 h
-- refresh: 1 min
select
    date_trunc('hour', started_at) as hour,
    campaign_id,
    count(*) filter (where attempt_number = 1) as leads_tried,
    count(*) as attempts,
    count(*) filter (where is_answered) as answered,
    count(*) filter (where is_contact) as contacts,
    count(*) filter (where is_contact and (turns > 1 or is_bridged)) as talked,
    count(*) filter (where level in ('A', 'B')) as interested,
    count(*) filter (where is_bridged) as bridged,
    count(*) filter (where is_committed) as committed,
    count(*) filter (where is_opted_out) as opted_out,
    coalesce(sum(talk_ms), 0) as talk_ms
from attempts
group by date_trunc('hour', started_at), campaign_id
