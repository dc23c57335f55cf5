-- name: kpi_scr
-- question: Session completion ratio: how many INVITEs came to a session that was ended by
--   a BYE and not lost.
-- numerator: INVITEs to customers with a session that ended by a BYE of either side
-- denominator: INVITEs to customers
-- exclusions: INVITEs under way; a challenge that our credentials answered is part of the
--   same leg. Whether the BYE was answered is not in the log, so it is not asked for
-- unit: parts per million
-- source: RFC 6076 §4.9
-- grain: one row
-- key: none
-- inputs: legs
-- params: campaign_id =, carrier_id =, from =, until =
-- columns: invites int64 | established int64 | completed int64 | scr_ppm int64 ppm
-- tests: expr(coalesce(scr_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_scr
with
invites as (
    select
        count(*) as invites,
        count(*) filter (where is_answered) as established,
        count(*) filter (
            where is_answered and failure is null and sip_status = 200
        ) as completed
    from legs
    where party = 'customer'
        and is_over
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($carrier_id = '' or carrier_id = $carrier_id)
        and ($from = '' or started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or started_at < cast(nullif($until, '') as timestamptz))
)
select
    invites,
    established,
    completed,
    completed * 1000000 / nullif(invites, 0) as scr_ppm
from invites
