-- name: headline
-- question: The figures at the head of the daily report, on one day or ever. Connect and
--   contact rate are over dials, the other rates over contacts (a person answered), in parts
--   per million; mean talk is over answered calls (ACD).
-- grain: one row
-- key: none
-- inputs: funnel.campaigns_hourly, operational.calls_hourly
-- params: campaign_id =, date =, from =, until =
-- columns: leads_tried int64 | attempts int64 | answered int64 | contacts int64 |
--   talked int64 | interested int64 | bridged int64 | committed int64 | opted_out int64 |
--   abandoned int64 | talk_ms int64 ms | connect_ppm int64 ppm | contact_ppm int64 ppm |
--   interested_ppm int64 ppm | committed_ppm int64 ppm | opted_out_ppm int64 ppm |
--   abandoned_ppm int64 ppm | talk_mean_ms int64 ms
-- tests: expr(coalesce(connect_ppm between 0 and 1000000, true));
--   expr(coalesce(contact_ppm between 0 and 1000000, true));
--   expr(coalesce(interested_ppm between 0 and 1000000, true));
--   expr(coalesce(committed_ppm between 0 and 1000000, true));
--   expr(coalesce(opted_out_ppm between 0 and 1000000, true));
--   expr(coalesce(abandoned_ppm between 0 and 1000000, true));
--   expr(coalesce(talk_ms >= 0, true)); expr(coalesce(talk_mean_ms >= 0, true))
-- example: ledgerline query headline --param date=2026-11-21
with
funnel as (
    select
        coalesce(sum(leads_tried), 0) as leads_tried,
        coalesce(sum(attempts), 0) as attempts,
        coalesce(sum(answered), 0) as answered,
        coalesce(sum(contacts), 0) as contacts,
        coalesce(sum(talked), 0) as talked,
        coalesce(sum(interested), 0) as interested,
        coalesce(sum(bridged), 0) as bridged,
        coalesce(sum(committed), 0) as committed,
        coalesce(sum(opted_out), 0) as opted_out,
        coalesce(sum(talk_ms), 0) as talk_ms
    from funnel.campaigns_hourly
    where ($campaign_id = '' or campaign_id = $campaign_id)
        and ($date = '' or cast(cast(hour as date) as varchar) = $date)
        and ($from = '' or hour >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or hour < cast(nullif($until, '') as timestamptz))
),
calls as (
    select coalesce(sum(abandoned), 0) as abandoned
    from operational.calls_hourly
    where ($campaign_id = '' or campaign_id = $campaign_id)
        and ($date = '' or cast(cast(hour as date) as varchar) = $date)
        and ($from = '' or hour >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or hour < cast(nullif($until, '') as timestamptz))
)
select
    funnel.leads_tried,
    funnel.attempts,
    funnel.answered,
    funnel.contacts,
    funnel.talked,
    funnel.interested,
    funnel.bridged,
    funnel.committed,
    funnel.opted_out,
    calls.abandoned,
    funnel.talk_ms,
    funnel.answered * 1000000 / nullif(funnel.attempts, 0) as connect_ppm,
    funnel.contacts * 1000000 / nullif(funnel.attempts, 0) as contact_ppm,
    funnel.interested * 1000000 / nullif(funnel.contacts, 0) as interested_ppm,
    funnel.committed * 1000000 / nullif(funnel.contacts, 0) as committed_ppm,
    funnel.opted_out * 1000000 / nullif(funnel.contacts, 0) as opted_out_ppm,
    calls.abandoned * 1000000 / nullif(funnel.contacts, 0) as abandoned_ppm,
    funnel.talk_ms / nullif(funnel.answered, 0) as talk_mean_ms
from funnel
cross join calls
