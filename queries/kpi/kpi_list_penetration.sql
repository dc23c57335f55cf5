-- name: kpi_list_penetration
-- question: List penetration: how much of the list was dialled at least once.
-- numerator: leads with at least one attempt
-- denominator: leads that may be dialled
-- exclusions: leads a rule refused before the first dial. `from` and `until` are about the
--   import
-- unit: parts per million
-- source: practice of outbound call centres
-- grain: one row
-- key: none
-- inputs: leads
-- params: campaign_id =, from =, until =
-- columns: leads int64 | tried int64 | list_penetration_ppm int64 ppm
-- tests: expr(coalesce(list_penetration_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_list_penetration --param campaign_id=business-loan
with
list as (
    select
        count(*) as leads,
        count(*) filter (where attempts > 0) as tried
    from leads
    where not (is_refused and attempts = 0)
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($from = '' or imported_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or imported_at < cast(nullif($until, '') as timestamptz))
)
select
    leads,
    tried,
    tried * 1000000 / nullif(leads, 0) as list_penetration_ppm
from list
