-- name: kpi_isa
-- question: Ineffective session attempts: how many INVITEs failed by overload or a broken
--   network.
-- numerator: INVITEs to customers that ended with 408, 500, 503 or 504; our own timeout
--   counts as 408 and a transport error as 503 (RFC 3261 §8.1.3.1)
-- denominator: INVITEs to customers
-- exclusions: INVITEs under way; a challenge that our credentials answered is part of the
--   same leg. 3xx and 401, 402, 407 stay in the denominator here
-- unit: parts per million
-- source: RFC 6076 §4.8
-- grain: one row
-- key: none
-- inputs: legs
-- params: campaign_id =, carrier_id =, from =, until =
-- columns: invites int64 | ineffective int64 | isa_ppm int64 ppm
-- tests: expr(coalesce(isa_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_isa
with
invites as (
    select
        count(*) as invites,
        count(*) filter (
            where not is_answered
                and (
                    sip_status in (408, 500, 503, 504)
                    or failure in ('no_provisional', 'timeout', 'transport')
                )
        ) as ineffective
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
    ineffective,
    ineffective * 1000000 / nullif(invites, 0) as isa_ppm
from invites
