-- name: intention_levels
-- question: Leads by the latest intention level of a call, on one day or ever, and the share
--   of those with a level, in parts per million.
-- grain: one row per level
-- key: level
-- inputs: attempts
-- params: campaign_id =, date =, from =, until =
-- columns: level text | leads int64 | committed int64 | share_ppm int64 ppm
-- tests: not_null(level); unique(level);
--   expr(coalesce(share_ppm between 0 and 1000000, true))
-- example: ledgerline query intention_levels --param campaign_id=business-loan
with
latest as (
    select
        lead_id,
        level,
        is_committed,
        row_number() over (
            partition by campaign_id, lead_id order by started_at desc, call_id desc
        ) as place
    from attempts
    where level is not null
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($date = '' or cast(cast(started_at as date) as varchar) = $date)
        and ($from = '' or started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or started_at < cast(nullif($until, '') as timestamptz))
),
levels as (
    select
        level,
        count(*) as leads,
        count(*) filter (where is_committed) as committed
    from latest
    where place = 1
    group by level
)
select
    level,
    leads,
    committed,
    leads * 1000000 / nullif(cast(sum(leads) over () as bigint), 0) as share_ppm
from levels
order by level
