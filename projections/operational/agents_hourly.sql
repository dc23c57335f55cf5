-- name: agents_hourly
-- layer: operational
-- description: How long each agent was in which state in each hour. A state that goes on counts
--   once it is over.
-- window: hour hour
-- grain: hour, agent_id
-- inputs: agent_states.from_at..until_at
-- measures: available_ms, ringing_ms, talking_ms, wrap_up_ms, break_ms, talks
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
