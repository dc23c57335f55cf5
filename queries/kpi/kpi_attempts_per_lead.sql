-- name: kpi_attempts_per_lead
-- question: Attempts per lead: how often a lead that was tried was dialled.
-- numerator: attempts of these leads
-- denominator: leads with at least one attempt
-- exclusions: leads that were never dialled. `from` and `until` are about the import
-- unit: thousandths of an attempt
-- source: practice of outbound call centres
-- grain: one row
-- key: none
-- inputs: leads
-- params: campaign_id =, from =, until =
-- columns: tried int64 | attempts int64 | attempts_per_lead_thousandths int64
-- tests: expr(tried >= 0)
-- example: ledgerline query kpi_attempts_per_lead --param campaign_id=business-loan
with
list as (
    select
        count(*) as tried,
        coalesce(sum(attempts), 0) as attempts
    from leads
    where attempts > 0
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($from = '' or imported_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or imported_at < cast(nullif($until, '') as timestamptz))
)
select
    tried,
    attempts,
    attempts * 1000 / nullif(tried, 0) as attempts_per_lead_thousandths
from list
