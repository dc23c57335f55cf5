-- name: kpi_asr
-- question: Answer-seizure ratio: how many of the calls a carrier took were answered.
-- numerator: seizures that were answered by anything
-- denominator: seizures: customer legs, one for each carrier tried
-- exclusions: legs under way; legs we cut unanswered because the platform stopped or
--   restarted; busy and no answer stay in, as failures
-- unit: parts per million
-- source: ITU-T E.411
-- grain: one row
-- key: none
-- inputs: attempts, legs
-- params: campaign_id =, carrier_id =, from =, until =
-- columns: seizures int64 | answered int64 | asr_ppm int64 ppm
-- tests: expr(coalesce(asr_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_asr --param carrier_id=north
with
seizures as (
    select
        count(*) as seizures,
        count(*) filter (where legs.is_answered) as answered
    from legs
    left join attempts on attempts.call_id = legs.call_id
    where legs.party = 'customer'
        and legs.is_over
        -- Cut by our own stop: the carrier was not asked to the end.
        and not (
            not legs.is_answered
            and legs.failure is null
            and coalesce(legs.sip_status, 487) = 487
            and coalesce(attempts.disposition = 'cancelled', false)
        )
        and ($campaign_id = '' or legs.campaign_id = $campaign_id)
        and ($carrier_id = '' or legs.carrier_id = $carrier_id)
        and ($from = '' or legs.started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or legs.started_at < cast(nullif($until, '') as timestamptz))
)
select
    seizures,
    answered,
    answered * 1000000 / nullif(seizures, 0) as asr_ppm
from seizures
