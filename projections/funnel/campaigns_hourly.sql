-- name: campaigns_hourly
-- layer: funnel
-- description: The way from a dial to an agreement, by campaign and hour of the attempt. Talked is a
--   contact with more than one turn or an agent, interested is level A or B.
-- window: hour hour
-- grain: hour, campaign_id
-- inputs: attempts.started_at
-- measures: leads_tried, attempts, answered, contacts, talked, interested, bridged, committed,
--   opted_out, talk_ms
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
