-- name: kpi_aht
-- question: Average handling time: what a call costs an agent in time.
-- numerator: talking and wrap-up of agents; who holds a customer is talking
-- denominator: handled calls: talks of agents that are over
-- exclusions: talks and wrap-ups under way; ringing and waiting. A talk counts in the span it
--   began in, and so does a wrap-up
-- unit: milliseconds
-- source: contact-centre practice
-- grain: one row
-- key: none
-- inputs: agent_states, attempts
-- params: agent_id =, campaign_id =, from =, until =
-- columns: handled int64 | talking_ms int64 ms | wrap_up_ms int64 ms | aht_ms int64 ms
-- tests: expr(coalesce(talking_ms >= 0, true)); expr(coalesce(wrap_up_ms >= 0, true));
--   expr(coalesce(aht_ms >= 0, true))
-- example: ledgerline query kpi_aht --param agent_id=alex
with
handling as (
    select
        count(*) filter (where agent_states.state = 'talking') as handled,
        coalesce(
            sum(agent_states.duration_ms) filter (where agent_states.state = 'talking'), 0
        ) as talking_ms,
        coalesce(
            sum(agent_states.duration_ms) filter (where agent_states.state = 'wrap_up'), 0
        ) as wrap_up_ms
    from agent_states
    left join attempts on attempts.call_id = agent_states.call_id
    where agent_states.state in ('talking', 'wrap_up')
        and agent_states.until_at is not null
        and ($agent_id = '' or agent_states.agent_id = $agent_id)
        and ($campaign_id = '' or attempts.campaign_id = $campaign_id)
        and ($from = '' or agent_states.from_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or agent_states.from_at < cast(nullif($until, '') as timestamptz))
)
select
    handled,
    talking_ms,
    wrap_up_ms,
    (talking_ms + wrap_up_ms) / nullif(handled, 0) as aht_ms
from handling
