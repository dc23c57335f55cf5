-- name: connect_rate_by_hour
-- question: Dials, answers and contacts by hour; connect rate is any answer over dials,
--   contact rate is people over dials, both in parts per million.
-- grain: one row per hour
-- key: hour
-- inputs: operational.calls_hourly
-- params: campaign_id =, date =, from =, until =
-- columns: hour moment | attempts int64 | answered int64 | contacts int64 |
--   connect_ppm int64 ppm | contact_ppm int64 ppm
-- tests: not_null(hour); unique(hour);
--   expr(coalesce(connect_ppm between 0 and 1000000, true));
--   expr(coalesce(contact_ppm between 0 and 1000000, true))
-- example: ledgerline query connect_rate_by_hour --param campaign_id=business-loan
select
    hour,
    sum(attempts) as attempts,
    sum(answered) as answered,
    sum(contacts) as contacts,
    sum(answered) * 1000000 / nullif(sum(attempts), 0) as connect_ppm,
    sum(contacts) * 1000000 / nullif(sum(attempts), 0) as contact_ppm
from operational.calls_hourly
where ($campaign_id = '' or campaign_id = $campaign_id)
    and ($date = '' or cast(cast(hour as date) as varchar) = $date)
    and ($from = '' or hour >= cast(nullif($from, '') as timestamptz))
    and ($until = '' or hour < cast(nullif($until, '') as timestamptz))
group by hour
order by hour
