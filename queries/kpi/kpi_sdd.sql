-- name: kpi_sdd
-- question: Session disconnect delay: from our BYE to its answer, answered and timed out
--   kept apart.
-- numerator: from the BYE to a 2xx; where none came, to the end of waiting
-- denominator: none; mean and percentiles (nearest rank) are over customer legs of each kind
-- exclusions: BYEs of the other side, whose delay only it can measure; BYEs answered by
--   something else than a 2xx, such as 481; legs released before this was recorded
-- unit: milliseconds
-- source: RFC 6076 §4.4
-- grain: one row
-- key: none
-- inputs: legs
-- params: campaign_id =, carrier_id =, from =, until =
-- columns: timed_out int64 | timed_out_mean_ms int64 ms | answered int64 |
--   mean_ms int64 ms | p50_ms int64 ms | p95_ms int64 ms | p99_ms int64 ms
-- tests: expr(coalesce(timed_out_mean_ms >= 0, true)); expr(coalesce(mean_ms >= 0, true));
--   expr(coalesce(p50_ms >= 0, true)); expr(coalesce(p95_ms >= 0, true));
--   expr(coalesce(p99_ms >= 0, true))
-- example: ledgerline query kpi_sdd --param carrier_id=north
with
ranked as (
    select
        release_status is not null as is_answered,
        released_after_ms as delay_ms,
        row_number() over (
            partition by release_status is not null order by released_after_ms, leg_id
        ) as place,
        count(*) over (partition by release_status is not null) as legs
    from legs
    where party = 'customer'
        and released_after_ms is not null
        and (release_status is null or release_status between 200 and 299)
        and ($carrier_id = '' or carrier_id = $carrier_id)
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($from = '' or started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or started_at < cast(nullif($until, '') as timestamptz))
)
select
    count(*) filter (where not is_answered) as timed_out,
    sum(delay_ms) filter (where not is_answered)
        / nullif(count(*) filter (where not is_answered), 0) as timed_out_mean_ms,
    count(*) filter (where is_answered) as answered,
    sum(delay_ms) filter (where is_answered)
        / nullif(count(*) filter (where is_answered), 0) as mean_ms,
    min(delay_ms) filter (where is_answered and place * 100 >= legs * 50) as p50_ms,
    min(delay_ms) filter (where is_answered and place * 100 >= legs * 95) as p95_ms,
    min(delay_ms) filter (where is_answered and place * 100 >= legs * 99) as p99_ms
from ranked
