-- name: kpi_conversion_of_contacts
-- question: Conversion of contacts: how many of the right people bought.
-- numerator: right-party contacts that led to a sale, whenever it was recorded, each counted
--   once
-- denominator: right-party contacts: attempts answered by a person known to be the right one
-- exclusions: attempts under way; contacts of which nobody can say who it was
-- unit: parts per million
-- source: practice of outbound call centres
-- grain: one row
-- key: none
-- inputs: attempts, commitments
-- params: campaign_id =, from =, until =
-- columns: right_parties int64 | sales int64 | conversion_of_contacts_ppm int64 ppm
-- tests: expr(coalesce(conversion_of_contacts_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_conversion_of_contacts --param campaign_id=business-loan
with
agreed as (
    select distinct call_id
    from commitments
    where kind = 'sale'
),
contacts as (
    select
        count(*) as right_parties,
        count(agreed.call_id) as sales
    from attempts
    left join agreed on agreed.call_id = attempts.call_id
    where attempts.is_contact
        and attempts.is_over
        and attempts.is_right_party
        and ($campaign_id = '' or attempts.campaign_id = $campaign_id)
        and ($from = '' or attempts.started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or attempts.started_at < cast(nullif($until, '') as timestamptz))
)
select
    right_parties,
    sales,
    sales * 1000000 / nullif(right_parties, 0) as conversion_of_contacts_ppm
from contacts
