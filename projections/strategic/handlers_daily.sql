-- name: handlers_daily
-- layer: strategic
-- question: Robot against people: contacts by who talked last, and what came of them.
-- grain: one row per day, campaign_id, handler_kind
-- key: day, campaign_id, handler_kind
-- window: day day
-- inputs: funnel.handlers_hourly.hour
-- columns: day moment | campaign_id text | handler_kind text | contacts int64 |
--   talk_ms int64 ms | level_a int64 | level_b int64 | level_c int64 | level_d int64 |
--   level_e int64 | level_x int64 | committed int64 | opted_out int64
-- measures: sum(contacts, talk_ms, level_a, level_b, level_c, level_d, level_e, level_x,
--   committed, opted_out)
-- tests: not_null(day, campaign_id, handler_kind);
--   unique(day, campaign_id, handler_kind)
-- lateness: 36 h
-- refresh: 10 min
select
    date_trunc('day', hour) as day,
    campaign_id,
    handler_kind,
    sum(contacts) as contacts,
    sum(talk_ms) as talk_ms,
    sum(level_a) as level_a,
    sum(level_b) as level_b,
    sum(level_c) as level_c,
    sum(level_d) as level_d,
    sum(level_e) as level_e,
    sum(level_x) as level_x,
    sum(committed) as committed,
    sum(opted_out) as opted_out
from funnel.handlers_hourly
group by date_trunc('day', hour), campaign_id, handler_kind
