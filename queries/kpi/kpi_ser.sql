-- name: kpi_ser
-- question: Session establishment ratio: how many INVITEs came to a session.
-- numerator: INVITEs to customers with a 200
-- denominator: INVITEs to customers, less those whose last answer was 3xx, 401, 402 or 407
-- exclusions: INVITEs under way; a challenge that our credentials answered is part of the
--   same leg; a 200 whose session description is of no use counts as no session
-- unit: parts per million
-- source: RFC 6076 §4.6
-- grain: one row
-- key: none
-- inputs: legs
-- params: campaign_id =, carrier_id =, from =, until =
-- columns: invites int64 | recoverable int64 | established int64 | ser_ppm int64 ppm
-- tests: expr(coalesce(ser_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_ser
with
invites as (
    select
        count(*) as invites,
        count(*) filter (where is_answered) as established,
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
    established * 1000000 / nullif(invites - recoverable, 0) as ser_ppm
from invites
