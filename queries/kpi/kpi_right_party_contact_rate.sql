-- name: kpi_right_party_contact_rate
-- question: Right-party contact rate: how many dials reached the person who was meant.
-- numerator: dials answered by a person who is known to be the right one
-- denominator: dials: attempts, however many carriers each took
-- exclusions: attempts under way; attempts cut by a stop of the platform (cancelled) or
--   forbidden by a rule (blocked). Contacts of which nobody can say who it was count as dials
--   only; they stand in `unknown`
-- unit: parts per million
-- source: practice of outbound call centres
-- grain: one row
-- key: none
-- inputs: attempts
-- params: campaign_id =, from =, until =
-- columns: dials int64 | contacts int64 | unknown int64 | right_parties int64 |
--   right_party_contact_rate_ppm int64 ppm
-- tests: expr(coalesce(right_party_contact_rate_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_right_party_contact_rate --param campaign_id=business-loan
with
dials as (
    select
        count(*) as dials,
        count(*) filter (where is_contact) as contacts,
        count(*) filter (where is_contact and is_right_party is null) as unknown,
        count(*) filter (where is_contact and is_right_party) as right_parties
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
    unknown,
    right_parties,
    right_parties * 1000000 / nullif(dials, 0) as right_party_contact_rate_ppm
from dials
