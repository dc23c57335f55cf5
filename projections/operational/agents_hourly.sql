-- name: agents_hourly
-- layer: operational
-- question: How long each agent was in which state in each hour. A state that goes on
--   counts once it is over.
-- grain: one row per hour, agent_id
-- key: hour, agent_id
-- window: hour hour
-- inputs: agent_states.from_at..until_at
-- columns: hour moment | agent_id text | available_ms int64 ms | ringing_ms int64 ms |
--   talking_ms int64 ms | wrap_up_ms int64 ms | break_ms int64 ms | talks int64
-- measures: count(talks); sum(available_ms, ringing_ms, talking_ms, wrap_up_ms,
--   break_ms)
-- tests: not_null(hour, agent_id); unique(hour, agent_id)
-- lateness: 36 h
-- refresh: 5 s
with
hours as (
    select
        agent_id,
        state,
        from_at,
        until_at,
        unnest(generate_series(
            date_trunc('hour', from_at), date_trunc('hour', until_at), interval '1 hour'
        )) as hour
    from agent_states
    where until_at is not null
),
pieces as (
    select
        agent_id,
        state,
        hour,
        from_at >= hour as is_first,
        (
            cast(cast(least(until_at, hour + interval '1 hour') as timestamp) as bigint)
            - cast(cast(greatest(from_at, hour) as timestamp) as bigint)
        ) / 1000000 as spent_ms
    from hours
)
select
    hour,
    agent_id,
    coalesce(sum(spent_ms) filter (where state = 'available'), 0) as available_ms,
    coalesce(sum(spent_ms) filter (where state = 'ringing'), 0) as ringing_ms,
    coalesce(sum(spent_ms) filter (where state = 'talking'), 0) as talking_ms,
    coalesce(sum(spent_ms) filter (where state = 'wrap_up'), 0) as wrap_up_ms,
    coalesce(sum(spent_ms) filter (where state = 'break'), 0) as break_ms,
    count(*) filter (where state = 'talking' and is_first) as talks
from pieces
group by hour, agent_id
