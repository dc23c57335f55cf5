-- name: kpi_srd
-- question: Session request delay: from the INVITE to the answer that says how it goes,
--   sessions that came about and those that were refused kept apart.
-- numerator: successful: to the first 18x, or to the 200 where none came; failed: to the
--   final 4xx, 5xx or 6xx
-- denominator: none; mean and percentiles (nearest rank) are over customer legs of each kind
-- exclusions: 401, 402, 407 and 3xx, which are no failures; 487, which follows our own
--   CANCEL; legs that broke without a final answer; legs under way
-- unit: milliseconds
-- source: RFC 6076 §4.3
-- grain: one row
-- key: none
-- inputs: legs
-- params: campaign_id =, carrier_id =, from =, until =
-- columns: successful int64 | successful_mean_ms int64 ms | successful_p50_ms int64 ms |
--   successful_p95_ms int64 ms | successful_p99_ms int64 ms | failed int64 |
--   failed_mean_ms int64 ms | failed_p50_ms int64 ms | failed_p95_ms int64 ms |
--   failed_p99_ms int64 ms
-- tests: expr(coalesce(successful_mean_ms >= 0, true));
--   expr(coalesce(successful_p50_ms >= 0, true));
--   expr(coalesce(successful_p95_ms >= 0, true));
--   expr(coalesce(successful_p99_ms >= 0, true));
--   expr(coalesce(failed_mean_ms >= 0, true)); expr(coalesce(failed_p50_ms >= 0, true));
--   expr(coalesce(failed_p95_ms >= 0, true)); expr(coalesce(failed_p99_ms >= 0, true))
-- example: ledgerline query kpi_srd
with
delays as (
    select
        leg_id,
        is_answered,
        case
            when is_answered then coalesce(pdd_ms, answer_after_ms)
            else (
                cast(cast(ended_at as timestamp) as bigint)
                - cast(cast(started_at as timestamp) as bigint)
            ) / 1000000
        end as delay_ms
    from legs
    where party = 'customer'
        and is_over
        and (
            is_answered
            or (sip_status between 400 and 699 and sip_status not in (401, 402, 407, 487))
        )
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($carrier_id = '' or carrier_id = $carrier_id)
        and ($from = '' or started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or started_at < cast(nullif($until, '') as timestamptz))
),
ranked as (
    select
        is_answered,
        delay_ms,
        row_number() over (partition by is_answered order by delay_ms, leg_id) as place,
        count(*) over (partition by is_answered) as legs
    from delays
)
select
    count(*) filter (where is_answered) as successful,
    sum(delay_ms) filter (where is_answered)
        / nullif(count(*) filter (where is_answered), 0) as successful_mean_ms,
    min(delay_ms) filter (where is_answered and place * 100 >= legs * 50) as successful_p50_ms,
    min(delay_ms) filter (where is_answered and place * 100 >= legs * 95) as successful_p95_ms,
    min(delay_ms) filter (where is_answered and place * 100 >= legs * 99) as successful_p99_ms,
    count(*) filter (where not is_answered) as failed,
    sum(delay_ms) filter (where not is_answered)
        / nullif(count(*) filter (where not is_answered), 0) as failed_mean_ms,
    min(delay_ms) filter (where not is_answered and place * 100 >= legs * 50) as failed_p50_ms,
    min(delay_ms) filter (where not is_answered and place * 100 >= legs * 95) as failed_p95_ms,
    min(delay_ms) filter (where not is_answered and place * 100 >= legs * 99) as failed_p99_ms
from ranked
