-- name: kpi_seer
-- question: Session establishment effectiveness ratio: as the session establishment ratio,
--   with the answers that people and their phones give counted as the network doing its part.
-- numerator: INVITEs to customers with a 200, 480, 486, 600 or 603
-- denominator: INVITEs to customers, less those whose last answer was 3xx, 401, 402 or 407
-- exclusions: INVITEs under way; a challenge that our credentials answered is part of the
--   same leg
-- unit: parts per million
-- source: RFC 6076 §4.7
-- grain: one row
-- key: none
-- inputs: legs
-- params: campaign_id =, carrier_id =, from =, until =
-- columns: invites int64 | recoverable int64 | established int64 | declined int64 |
--   seer_ppm int64 ppm
-- tests: expr(coalesce(seer_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_seer
with
invites as (
    select
        count(*) as invites,
        count(*) filter (where is_answered) as established,
        count(*) filter (
            where not is_answered and sip_status in (480, 486, 600, 603)
        ) as declined,
        count(*) filter (
            where sip_status between 300 and 399
                or sip_status in (401, 402, 407)
                or failure = 'authentication_refused'
        ) as recoverable
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
    recoverable,
    established,
    declined,
    (established + declined) * 1000000 / nullif(invites - recoverable, 0) as seer_ppm
from invites
