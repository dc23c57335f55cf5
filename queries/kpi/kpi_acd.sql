-- name: kpi_acd
-- question: Average call duration: from the answer to the end, whoever talked and whatever
--   answered.
-- numerator: talk time of answered calls
-- denominator: answered calls that are over
-- exclusions: calls under way; calls a restart of the platform cut, as their length is not
--   known
-- unit: milliseconds
-- source: ITU-T E.437
-- grain: one row
-- key: none
-- inputs: attempts
-- params: campaign_id =, from =, until =
-- columns: answered int64 | talk_ms int64 ms | acd_ms int64 ms
-- tests: expr(coalesce(talk_ms >= 0, true)); expr(coalesce(acd_ms >= 0, true))
-- example: ledgerline query kpi_acd
with
calls as (
    select
        count(*) as answered,
        coalesce(sum(talk_ms), 0) as talk_ms
    from attempts
    where is_answered
        and is_over
        and disposition <> 'cancelled'
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($from = '' or started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or started_at < cast(nullif($until, '') as timestamptz))
)
select
    answered,
    talk_ms,
    talk_ms / nullif(answered, 0) as acd_ms
from calls
