-- name: kpi_abandoned_rate_us
-- question: Abandoned-call rate, United States: how many people were left alone once they
--   had said hello. At most 30000, taken for each campaign over 30 days.
-- numerator: contacts to whom neither robot nor agent talked within 2 s of the greeting's end
-- denominator: contacts: calls that a person answered
-- exclusions: calls under way; machines and faxes. Who hangs up within the 2 s was not left
--   alone. Where no greeting was heard, the 2 s begin when the detector had heard enough, and
--   where no detector listened, with the answer. What an agent says first is not in the log,
--   so the connection counts as talking. `from` and `until` are about the answer
-- unit: parts per million
-- source: FTC, Telemarketing Sales Rule, 16 CFR 310.4(b)(1)(iv) and (b)(4)
-- grain: one row
-- key: none
-- inputs: calls
-- params: campaign_id =, from =, until =
-- columns: contacts int64 | abandoned int64 | abandoned_rate_ppm int64 ppm
-- tests: expr(coalesce(abandoned_rate_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_abandoned_rate_us --param campaign_id=business-loan --param from=2026-11-01 --param until=2026-12-01
with
contacts as (
    select
        coalesce(greeting_ended_at, classified_at, answered_at)
            + interval '2 seconds' as limit_at,
        robot_began_at,
        agent_connected_at,
        ended_at,
        hung_up_by
    from calls
    where is_contact
        and is_over
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($from = '' or answered_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or answered_at < cast(nullif($until, '') as timestamptz))
),
counts as (
    select
        count(*) as contacts,
        count(*) filter (
            where not coalesce(robot_began_at <= limit_at, false)
                and not coalesce(agent_connected_at <= limit_at, false)
                and not coalesce(hung_up_by = 'customer' and ended_at <= limit_at, false)
        ) as abandoned
    from contacts
)
select
    contacts,
    abandoned,
    abandoned * 1000000 / nullif(contacts, 0) as abandoned_rate_ppm
from counts
