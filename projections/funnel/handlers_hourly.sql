-- name: handlers_hourly
-- layer: funnel
-- description: Robot against people: contacts by who talked last, and what came of them.
-- window: hour hour
-- grain: hour, campaign_id, handler_kind
-- inputs: attempts.started_at
-- measures: contacts, talk_ms, level_a, level_b, level_c, level_d, level_e, level_x, committed,
--   opted_out
select
    date_trunc('hour', started_at) as hour,
    campaign_id,
    coalesce(handler_kind, 'nobody') as handler_kind,
    count(*) as contacts,
    coalesce(sum(talk_ms), 0) as talk_ms,
    count(*) filter (where level = 'A') as level_a,
    count(*) filter (where level = 'B') as level_b,
    count(*) filter (where level = 'C') as level_c,
    count(*) filter (where level = 'D') as level_d,
    count(*) filter (where level = 'E') as level_e,
    count(*) filter (where level = 'X') as level_x,
    count(*) filter (where is_committed) as committed,
    count(*) filter (where is_opted_out) as opted_out
from attempts
where is_contact
group by date_trunc('hour', started_at), campaign_id, coalesce(handler_kind, 'nobody')
