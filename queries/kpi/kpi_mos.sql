-- name: kpi_mos
-- question: Mean opinion score: how good customers sounded, by the E-model, with its
--   rating R and the score that the worst twentieth does not exceed.
-- numerator: mean opinion scores of customer legs
-- denominator: customer legs that were rated
-- exclusions: legs on which no packet came, such as those nobody answered; legs ended before
--   ratings were recorded. A leg whose round trip is not known is rated as if the network took
--   no time; how many were is in `without_round_trip`
-- unit: thousandths
-- source: ITU-T G.107
-- grain: one row
-- key: none
-- inputs: legs
-- params: campaign_id =, carrier_id =, from =, until =
-- columns: legs int64 | without_round_trip int64 | r_thousandths int64 |
--   mos_p5_thousandths int64 | mos_thousandths int64
-- tests: expr(legs >= 0)
-- example: ledgerline query kpi_mos --param carrier_id=north
with
ranked as (
    select
        r_milli,
        mos_milli,
        round_trip_ms,
        row_number() over (order by mos_milli, leg_id) as place,
        count(*) over () as legs
    from legs
    where party = 'customer'
        and is_over
        and mos_milli is not null
        and ($carrier_id = '' or carrier_id = $carrier_id)
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($from = '' or started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or started_at < cast(nullif($until, '') as timestamptz))
)
select
    count(*) as legs,
    count(*) filter (where round_trip_ms is null) as without_round_trip,
    sum(r_milli) / nullif(count(*), 0) as r_thousandths,
    min(mos_milli) filter (where place * 100 >= legs * 5) as mos_p5_thousandths,
    sum(mos_milli) / nullif(count(*), 0) as mos_thousandths
from ranked
