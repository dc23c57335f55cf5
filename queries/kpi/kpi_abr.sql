-- name: kpi_abr
-- question: Answer-bid ratio: as the answer-seizure ratio, with the calls no circuit was
--   free for.
-- numerator: seizures that were answered by anything
-- denominator: bids: seizures, and choices of a carrier that found every one full or down
-- exclusions: legs under way; legs we cut unanswered because the platform stopped or
--   restarted; a choice that found nothing because every carrier was tried before is no bid
-- unit: parts per million
-- source: ITU-T E.411
-- grain: one row
-- key: none
-- inputs: attempts, decision_candidates, decisions, legs
-- params: campaign_id =, from =, until =
-- columns: bids int64 | without_circuit int64 | answered int64 | abr_ppm int64 ppm
-- tests: expr(coalesce(abr_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_abr
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
        and ($from = '' or legs.started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or legs.started_at < cast(nullif($until, '') as timestamptz))
),
refusals as (
    select count(distinct decisions.decision_position) as without_circuit
    from decisions
    inner join decision_candidates
        on decision_candidates.decision_position = decisions.decision_position
    where decisions.kind = 'carrier'
        and decisions.chosen is null
        and decision_candidates.veto in ('channels_full', 'down')
        and ($campaign_id = '' or decisions.campaign_id = $campaign_id)
        and ($from = '' or decisions.decided_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or decisions.decided_at < cast(nullif($until, '') as timestamptz))
)
select
    seizures.seizures + refusals.without_circuit as bids,
    refusals.without_circuit,
    seizures.answered,
    seizures.answered * 1000000
        / nullif(seizures.seizures + refusals.without_circuit, 0) as abr_ppm
from seizures
cross join refusals
