-- name: kpi_ner
-- question: Network effectiveness ratio: how many seizures reached the other side,
--   whatever it did.
-- numerator: seizures answered, busy (Q.850 cause 17), not answered (18, 19) or rejected (21)
-- denominator: seizures: customer legs, one for each carrier tried
-- exclusions: legs under way; legs we cut unanswered because the platform stopped or
--   restarted. Where the carrier gave no cause it follows from the SIP status as in RFC 3398
--   §8.2.6.1: 486 and 600 are 17, 480 is 18, 603 is 21; a leg that rang until we gave up (487)
--   is 19
-- unit: parts per million
-- source: ITU-T E.411, as amended; causes of ITU-T Q.850
-- grain: one row
-- key: none
-- inputs: attempts, legs
-- params: campaign_id =, carrier_id =, from =, until =
-- columns: seizures int64 | answered int64 | busy int64 | not_answered int64 |
--   rejected int64 | ner_ppm int64 ppm
-- tests: expr(coalesce(ner_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_ner --param carrier_id=north
with
ends as (
    select
        legs.is_answered,
        coalesce(
            legs.q850_cause,
            case
                when legs.sip_status in (486, 600) then 17
                when legs.sip_status = 480 then 18
                when legs.sip_status = 487 and legs.pdd_ms is not null then 19
                when legs.sip_status = 603 then 21
            end
        ) as cause
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
),
seizures as (
    select
        count(*) as seizures,
        count(*) filter (where is_answered) as answered,
        count(*) filter (where not is_answered and cause = 17) as busy,
        count(*) filter (where not is_answered and cause in (18, 19)) as not_answered,
        count(*) filter (where not is_answered and cause = 21) as rejected
    from ends
)
select
    seizures,
    answered,
    busy,
    not_answered,
    rejected,
    (answered + busy + not_answered + rejected) * 1000000 / nullif(seizures, 0) as ner_ppm
from seizures
