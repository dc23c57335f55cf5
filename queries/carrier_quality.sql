-- name: carrier_quality
-- question: Each carrier's answer-seizure ratio, network effectiveness, failures, post-dial
--   delay and packet loss (ITU-T E.411; rates over seizures, in parts per million).
-- grain: one row per carrier_id
-- key: carrier_id
-- inputs: carrier_states, operational.carriers_hourly
-- params: date =, from =, until =
-- columns: carrier_id text | seizures int64 | answered int64 | failed int64 |
--   asr_ppm int64 ppm | ner_ppm int64 ppm | failed_ppm int64 ppm | pdd_mean_ms int64 ms |
--   loss_ppm int64 ppm | outages int64 | down_ms int64 ms
-- tests: not_null(carrier_id); unique(carrier_id);
--   expr(coalesce(asr_ppm between 0 and 1000000, true));
--   expr(coalesce(ner_ppm between 0 and 1000000, true));
--   expr(coalesce(failed_ppm between 0 and 1000000, true));
--   expr(coalesce(loss_ppm between 0 and 1000000, true))
-- example: ledgerline query carrier_quality
with
legs_by_carrier as (
    select
        carrier_id,
        sum(seizures) as seizures,
        sum(answered) as answered,
        sum(user_busy + user_no_answer + user_rejected) as user_failures,
        sum(failed) as failed,
        sum(pdd_count) as pdd_count,
        sum(pdd_ms) as pdd_ms,
        sum(packets_received) as packets_received,
        sum(packets_lost) as packets_lost
    from operational.carriers_hourly
    where ($date = '' or cast(cast(hour as date) as varchar) = $date)
        and ($from = '' or hour >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or hour < cast(nullif($until, '') as timestamptz))
    group by carrier_id
),
outages as (
    select
        carrier_id,
        count(*) as outages,
        coalesce(sum(duration_ms), 0) as down_ms
    from carrier_states
    where state = 'down'
        and ($date = '' or cast(cast(from_at as date) as varchar) = $date)
        and ($from = '' or from_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or from_at < cast(nullif($until, '') as timestamptz))
    group by carrier_id
)
select
    legs_by_carrier.carrier_id,
    legs_by_carrier.seizures,
    legs_by_carrier.answered,
    legs_by_carrier.failed,
    legs_by_carrier.answered * 1000000 / nullif(legs_by_carrier.seizures, 0) as asr_ppm,
    (legs_by_carrier.answered + legs_by_carrier.user_failures) * 1000000
        / nullif(legs_by_carrier.seizures, 0) as ner_ppm,
    legs_by_carrier.failed * 1000000 / nullif(legs_by_carrier.seizures, 0) as failed_ppm,
    legs_by_carrier.pdd_ms / nullif(legs_by_carrier.pdd_count, 0) as pdd_mean_ms,
    legs_by_carrier.packets_lost * 1000000
        / nullif(legs_by_carrier.packets_lost + legs_by_carrier.packets_received, 0) as loss_ppm,
    coalesce(outages.outages, 0) as outages,
    coalesce(outages.down_ms, 0) as down_ms
from legs_by_carrier
left join outages on outages.carrier_id = legs_by_carrier.carrier_id
order by legs_by_carrier.carrier_id
