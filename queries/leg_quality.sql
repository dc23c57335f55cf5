-- name: leg_quality
-- question: How each leg sounded, half minute by half minute: loss in parts per million, jitter,
--   round trip, and the rating of ITU-T G.107 in thousandths, worst first within a call.
-- grain: one row per position
-- key: position
-- inputs: events
-- params: call_id =, from =, until =
-- columns: position int64 | occurred_at moment | call_id text | leg_id text | span_ms int64 ms |
--   packets_received int64 | packets_lost int64 | loss_ppm int64 ppm | jitter_us int64 us |
--   round_trip_ms int64 ms | r_milli int64 | mos_milli int64
-- tests: not_null(position, call_id, leg_id); unique(position);
--   expr(coalesce(loss_ppm between 0 and 1000000, true));
--   expr(coalesce(mos_milli between 1000 and 5000, true))
-- example: ledgerline query leg_quality --param call_id=01980000-0000-7000-8000-000000000001
with
samples as (
    select
        position,
        occurred_at,
        call_id,
        regexp_match(data, '"leg_id":"([^"]*)"')[1] as leg_id,
        cast(regexp_match(data, '"span_ms":([0-9]+)')[1] as bigint) as span_ms,
        cast(regexp_match(data, '"packets_received":([0-9]+)')[1] as bigint) as packets_received,
        cast(regexp_match(data, '"packets_lost":([0-9]+)')[1] as bigint) as packets_lost,
        cast(regexp_match(data, '"jitter_us":([0-9]+)')[1] as bigint) as jitter_us,
        cast(regexp_match(data, '"round_trip_ms":([0-9]+)')[1] as bigint) as round_trip_ms,
        cast(regexp_match(data, '"r_milli":(-?[0-9]+)')[1] as bigint) as r_milli,
        cast(regexp_match(data, '"mos_milli":([0-9]+)')[1] as bigint) as mos_milli
    from events
    where type = 'LegQualitySampled'
        and ($call_id = '' or call_id = $call_id)
        and ($from = '' or occurred_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or occurred_at < cast(nullif($until, '') as timestamptz))
)
select
    position,
    occurred_at,
    call_id,
    leg_id,
    span_ms,
    packets_received,
    packets_lost,
    packets_lost * 1000000 / nullif(packets_lost + packets_received, 0) as loss_ppm,
    jitter_us,
    round_trip_ms,
    r_milli,
    mos_milli
from samples
order by call_id, r_milli nulls last, position
