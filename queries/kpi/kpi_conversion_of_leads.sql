-- name: kpi_conversion_of_leads
-- question: Conversion of leads: how much of the list bought.
-- numerator: leads with a sale, each counted once
-- denominator: leads on the list, dialled or not
-- exclusions: none. `from` and `until` are about the import
-- unit: parts per million
-- source: practice of outbound call centres
-- grain: one row
-- key: none
-- inputs: commitments, leads
-- params: campaign_id =, from =, until =
-- columns: leads int64 | sales int64 | conversion_of_leads_ppm int64 ppm
-- tests: expr(coalesce(conversion_of_leads_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_conversion_of_leads --param campaign_id=business-loan
with
sold as (
    select distinct lead_id
    from commitments
    where kind = 'sale'
),
list as (
    select
        count(*) as leads,
        count(sold.lead_id) as sales
    from leads
    left join sold on sold.lead_id = leads.lead_id
    where ($campaign_id = '' or leads.campaign_id = $campaign_id)
        and ($from = '' or leads.imported_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or leads.imported_at < cast(nullif($until, '') as timestamptz))
)
select
    leads,
    sales,
    sales * 1000000 / nullif(leads, 0) as conversion_of_leads_ppm
from list
