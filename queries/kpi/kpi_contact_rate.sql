-- name: kpi_contact_rate
-- question: Contact rate: how many dials were answered by a person.
-- numerator: dials answered by a person
-- denominator: dials: attempts, however many carriers each took
-- exclusions: attempts under way; attempts cut by a stop of the platform (cancelled) or
--   forbidden by a rule (blocked)
-- unit: parts per million
-- source: practice of outbound call centres
-- grain: one row
-- key: none
-- inputs: attempts
-- params: campaign_id =, from =, until =
-- columns: dials int64 | contacts int64 | contact_rate_ppm int64 ppm
-- tests: expr(coalesce(contact_rate_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_contact_rate --param from=2026-11-21T09:00:00Z
with
dials as (
    select
        count(*) as dials,
        count(*) filter (where is_contact) as contacts
    from attempts
    where is_over
        and disposition not in ('cancelled', 'blocked')
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($from = '' or started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or started_at < cast(nullif($until, '') as timestamptz))
)
select
    dials,
    contacts,
    contacts * 1000000 / nullif(dials, 0) as contact_rate_ppm
from dials
