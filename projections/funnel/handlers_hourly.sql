-- name: handlers_hourly
-- layer: funnel
-- question: Robot against people: contacts by who talked last, and what came of them.
-- grain: one row per hour, campaign_id, handler_kind
-- key: hour, campaign_id, handler_kind
-- window: hour hour
-- inputs: attempts.started_at
-- columns: hour moment | campaign_id text | handler_kind text | contacts int64 |
--   talk_ms int64 ms | level_a int64 | level_b int64 | level_c int64 | level_d int64 |
--   level_e int64 | level_x int64 | committed int64 | opted_out int64
-- measures: count(contacts, level_a, level_b, level_c, level_d, level_e, level_x,
--   committed, opted_out); sum(talk_ms)
-- tests: not_null(hour, campaign_id, handler_kind);
--   unique(hour, campaign_id, handler_kind)
-- lateness: 36 h
-- refresh: 1 min
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
