-- name: regions
-- question: Which regions are reached and agree: rates in parts per million, contact rate over
--   dials, the others over contacts. Reached counts people, not calls.
-- grain: one row per region
-- key: region
-- inputs: strategic.regions_daily
-- params: campaign_id =, date =, from =, until =
-- columns: region text | attempts int64 | contacts int64 | reached int64 | interested int64 |
--   committed int64 | opted_out int64 | talk_ms int64 ms | contact_ppm int64 ppm |
--   interested_ppm int64 ppm | committed_ppm int64 ppm
-- tests: not_null(region); unique(region);
--   expr(reached * 10 <= contacts * 11 and contacts <= attempts)
-- example: ledgerline query regions --param campaign_id=business-loan
with
days as (
    select
        region,
        sum(attempts) as attempts,
        sum(contacts) as contacts,
        distinct_of(hll_merge(reached)) as reached,
        sum(interested) as interested,
        sum(committed) as committed,
        sum(opted_out) as opted_out,
        sum(talk_ms) as talk_ms
    from strategic.regions_daily
    where ($campaign_id = '' or campaign_id = $campaign_id)
        and ($date = '' or cast(cast(day as date) as varchar) = $date)
        and ($from = '' or day >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or day < cast(nullif($until, '') as timestamptz))
    group by region
)
select
    region,
    attempts,
    contacts,
    reached,
    interested,
    committed,
    opted_out,
    talk_ms,
    contacts * 1000000 / nullif(attempts, 0) as contact_ppm,
    interested * 1000000 / nullif(contacts, 0) as interested_ppm,
    committed * 1000000 / nullif(contacts, 0) as committed_ppm
from days
order by attempts desc, region
