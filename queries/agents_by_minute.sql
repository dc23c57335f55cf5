-- name: agents_by_minute
-- question: What the team does minute by minute: time in each state over all agents, and the
--   occupancy - talking and wrap-up over talking, wrap-up and waiting, breaks left out - in parts
--   per million. States that go on count once they are over.
-- grain: one row per minute
-- key: minute
-- inputs: operational.agents_minutely
-- params: agent_id =, from =, until =
-- columns: minute moment | agents int64 | available_ms int64 ms | ringing_ms int64 ms |
--   talking_ms int64 ms | wrap_up_ms int64 ms | break_ms int64 ms | talks int64 |
--   occupancy_ppm int64 ppm
-- tests: not_null(minute, agents); unique(minute); expr(occupancy_ppm between 0 and 1000000 or
--   occupancy_ppm is null)
-- example: ledgerline query agents_by_minute --param from=2026-11-21T09:00:00Z
select
    minute,
    count(*) as agents,
    sum(available_ms) as available_ms,
    sum(ringing_ms) as ringing_ms,
    sum(talking_ms) as talking_ms,
    sum(wrap_up_ms) as wrap_up_ms,
    sum(break_ms) as break_ms,
    sum(talks) as talks,
    sum(talking_ms + wrap_up_ms) * 1000000
        / nullif(sum(talking_ms + wrap_up_ms + ringing_ms + available_ms), 0) as occupancy_ppm
from operational.agents_minutely
where ($agent_id = '' or agent_id = $agent_id)
    and ($from = '' or minute >= cast(nullif($from, '') as timestamptz))
    and ($until = '' or minute < cast(nullif($until, '') as timestamptz))
group by minute
order by minute
