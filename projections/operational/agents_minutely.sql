-- name: agents_minutely
-- layer: operational
-- question: How long each agent was in which state in each minute: what a floor board shows. A
--   state that goes on counts once it is over.
-- grain: one row per minute, agent_id
-- key: minute, agent_id
-- window: minute minute
-- inputs: agent_states.from_at..until_at
-- columns: minute moment | agent_id text | available_ms int64 ms | ringing_ms int64 ms |
--   talking_ms int64 ms | wrap_up_ms int64 ms | break_ms int64 ms | talks int64
-- measures: count(talks); sum(available_ms, ringing_ms, talking_ms, wrap_up_ms,
--   break_ms)
-- tests: not_null(minute, agent_id); unique(minute, agent_id);
--   expr(available_ms + ringing_ms + talking_ms + wrap_up_ms + break_ms <= 60000)
-- lateness: 36 h
-- refresh: 5 s
-- retention: 7 d
with
minutes as (
    select
        agent_id,
        state,
        from_at,
        until_at,
        unnest(generate_series(
            date_trunc('minute', from_at), date_trunc('minute', until_at), interval '1 minute'
        )) as minute
    from agent_states
    where until_at is not null
),
pieces as (
    select
        agent_id,
        state,
        minute,
        from_at >= minute as is_first,
        (
            cast(cast(least(until_at, minute + interval '1 minute') as timestamp) as bigint)
            - cast(cast(greatest(from_at, minute) as timestamp) as bigint)
        ) / 1000000 as spent_ms
    from minutes
)
select
    minute,
    agent_id,
    coalesce(sum(spent_ms) filter (where state = 'available'), 0) as available_ms,
    coalesce(sum(spent_ms) filter (where state = 'ringing'), 0) as ringing_ms,
    coalesce(sum(spent_ms) filter (where state = 'talking'), 0) as talking_ms,
    coalesce(sum(spent_ms) filter (where state = 'wrap_up'), 0) as wrap_up_ms,
    coalesce(sum(spent_ms) filter (where state = 'break'), 0) as break_ms,
    count(*) filter (where state = 'talking' and is_first) as talks
from pieces
-- One that ends where a minute begins leaves nothing for it.
where spent_ms > 0 or is_first
group by minute, agent_id
