-- name: kpi_silent_call_rate
-- question: Silent-call rate: how many people answered and heard nobody in time, neither
--   robot nor agent.
-- numerator: contacts in which nothing was said within 2 s of the answer and no agent was
--   connected by then
-- denominator: contacts: attempts that a person answered
-- exclusions: machines and faxes, where the detector or the agent told them; attempts under
--   way. What an agent says first is not in the log, so the bridge counts as sound
-- unit: parts per million
-- source: Ofcom, persistent misuse statement in force since 1 March 2017: sound within two
--   seconds of the answer
-- grain: one row
-- key: none
-- inputs: attempts, turns
-- params: campaign_id =, from =, until =
-- columns: contacts int64 | silent int64 | silent_call_rate_ppm int64 ppm
-- tests: expr(coalesce(silent_call_rate_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_silent_call_rate
with
speech as (
    -- A turn stands in the log at its end.
    select
        call_id,
        min(
            cast(cast(occurred_at as timestamp) as bigint) / 1000000 - spoken_ms
        ) as began_ms
    from turns
    where speaker = 'robot' and spoken_ms > 0
    group by call_id
),
contacts as (
    select
        cast(cast(attempts.answered_at as timestamp) as bigint) / 1000000 + 2000 as limit_ms,
        speech.began_ms,
        cast(cast(attempts.bridged_at as timestamp) as bigint) / 1000000 as bridged_ms
    from attempts
    left join speech on speech.call_id = attempts.call_id
    where attempts.is_contact
        and attempts.is_over
        and ($campaign_id = '' or attempts.campaign_id = $campaign_id)
        and ($from = '' or attempts.started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or attempts.started_at < cast(nullif($until, '') as timestamptz))
),
counts as (
    select
        count(*) as contacts,
        count(*) filter (
            where not coalesce(began_ms <= limit_ms, false)
                and not coalesce(bridged_ms <= limit_ms, false)
        ) as silent
    from contacts
)
select
    contacts,
    silent,
    silent * 1000000 / nullif(contacts, 0) as silent_call_rate_ppm
from counts
