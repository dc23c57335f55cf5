-- name: kpi_occupancy
-- question: Occupancy: how much of the time agents were there for calls they spent on
--   calls.
-- numerator: talking and wrap-up; who holds a customer is talking
-- denominator: talking, wrap-up and waiting (available or ringing)
-- exclusions: breaks; states that go on. A state over the edge of the span counts with the
--   part inside
-- unit: parts per million
-- source: contact-centre practice
-- grain: one row
-- key: none
-- inputs: agent_states
-- params: agent_id =, from =, until =
-- columns: handling_ms int64 ms | waiting_ms int64 ms | occupancy_ppm int64 ppm
-- tests: expr(coalesce(occupancy_ppm between 0 and 1000000, true));
--   expr(coalesce(handling_ms >= 0, true)); expr(coalesce(waiting_ms >= 0, true))
-- example: ledgerline query kpi_occupancy --param agent_id=alex
with
pieces as (
    select
        state,
        (
            cast(
                cast(
                    least(until_at, coalesce(cast(nullif($until, '') as timestamptz), until_at))
                    as timestamp
                ) as bigint
            )
            - cast(
                cast(
                    greatest(from_at, coalesce(cast(nullif($from, '') as timestamptz), from_at))
                    as timestamp
                ) as bigint
            )
        ) / 1000000 as spent_ms
    from agent_states
    where until_at is not null
        and ($agent_id = '' or agent_id = $agent_id)
        and ($from = '' or until_at > cast(nullif($from, '') as timestamptz))
        and ($until = '' or from_at < cast(nullif($until, '') as timestamptz))
),
spent as (
    select
        coalesce(
            sum(spent_ms) filter (where state in ('talking', 'wrap_up')), 0
        ) as handling_ms,
        coalesce(
            sum(spent_ms) filter (where state in ('available', 'ringing')), 0
        ) as waiting_ms
    from pieces
)
select
    handling_ms,
    waiting_ms,
    handling_ms * 1000000 / nullif(handling_ms + waiting_ms, 0) as occupancy_ppm
from spent
