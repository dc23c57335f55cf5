-- name: kpi_pdd
-- question: Post-dial delay: how long the customer side stays silent after the INVITE.
-- numerator: from the INVITE to the first 18x answer, at the 50th, 95th and 99th percentile
--   by nearest rank
-- denominator: none; percentiles are over customer legs with an 18x answer
-- exclusions: legs without an 18x answer, such as those answered, refused or cut before one
--   came
-- unit: milliseconds
-- source: practice; RFC 6076 §4.3.1 for sessions that come about
-- grain: one row
-- key: none
-- inputs: legs
-- params: campaign_id =, carrier_id =, from =, until =
-- columns: legs int64 | p50_ms int64 ms | p95_ms int64 ms | p99_ms int64 ms
-- tests: expr(coalesce(p50_ms >= 0, true)); expr(coalesce(p95_ms >= 0, true));
--   expr(coalesce(p99_ms >= 0, true))
-- example: ledgerline query kpi_pdd --param carrier_id=north
with
ranked as (
    select
        pdd_ms,
        row_number() over (order by pdd_ms, leg_id) as place,
        count(*) over () as legs
    from legs
    where party = 'customer'
        and pdd_ms is not null
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($carrier_id = '' or carrier_id = $carrier_id)
        and ($from = '' or started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or started_at < cast(nullif($until, '') as timestamptz))
)
select
    count(*) as legs,
    min(pdd_ms) filter (where place * 100 >= legs * 50) as p50_ms,
    min(pdd_ms) filter (where place * 100 >= legs * 95) as p95_ms,
    min(pdd_ms) filter (where place * 100 >= legs * 99) as p99_ms
from ranked
