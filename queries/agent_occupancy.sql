-- name: agent_occupancy
-- question: Each agent's time by state and the occupancy - talking and wrap-up over talking,
--   wrap-up and waiting, breaks left out - in parts per million.
-- grain: one row per agent_id
-- key: agent_id
-- inputs: operational.agents_hourly
-- params: date =, from =, until =
-- columns: agent_id text | talks int64 | available_ms int64 ms | ringing_ms int64 ms |
--   talking_ms int64 ms | wrap_up_ms int64 ms | break_ms int64 ms |
--   handling_mean_ms int64 ms | occupancy_ppm int64 ppm
-- tests: not_null(agent_id); unique(agent_id);
--   expr(coalesce(occupancy_ppm between 0 and 1000000, true))
-- example: ledgerline query agent_occupancy
select
    agent_id,
    sum(talks) as talks,
    sum(available_ms) as available_ms,
    sum(ringing_ms) as ringing_ms,
    sum(talking_ms) as talking_ms,
    sum(wrap_up_ms) as wrap_up_ms,
    sum(break_ms) as break_ms,
    sum(talking_ms + wrap_up_ms) / nullif(sum(talks), 0) as handling_mean_ms,
    sum(talking_ms + wrap_up_ms) * 1000000
        / nullif(sum(talking_ms + wrap_up_ms + ringing_ms + available_ms), 0) as occupancy_ppm
from operational.agents_hourly
where ($date = '' or cast(cast(hour as date) as varchar) = $date)
    and ($from = '' or hour >= cast(nullif($from, '') as timestamptz))
    and ($until = '' or hour < cast(nullif($until, '') as timestamptz))
group by agent_id
order by agent_id
