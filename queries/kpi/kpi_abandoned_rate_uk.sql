-- name: kpi_abandoned_rate_uk
-- question: Abandoned-call rate, United Kingdom: how many people we hung up on unheard,
--   those included that the detector took for a machine. No rate is acceptable as such; 30000
--   for each campaign and 24 hours is an alarm.
-- numerator: calls to people ended by us before robot or agent talked, and people taken for
--   machines: machine verdicts times the share of people among those that were listened to
-- denominator: live calls: calls that a person answered, people taken for machines included
-- exclusions: calls under way; calls that turned out to be machines when listened to. Where
--   the detector named machines and nobody listened to any, there is no value. `from` and
--   `until` are about the answer
-- unit: parts per million
-- source: Ofcom, persistent misuse statement in force since 1 March 2017
-- grain: one row
-- key: none
-- inputs: attempts, calls
-- params: campaign_id =, from =, until =
-- columns: contacts int64 | dropped int64 | machines int64 | reviewed int64 |
--   mistaken int64 | estimated int64 | abandoned_rate_ppm int64 ppm
-- tests: expr(coalesce(abandoned_rate_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_abandoned_rate_uk --param from=2026-11-21 --param until=2026-11-22
with
answered as (
    select
        calls.is_contact and attempts.reviewed_as is distinct from 'machine' as is_live,
        calls.robot_began_at is null
            and calls.agent_connected_at is null
            and calls.hung_up_by is distinct from 'customer' as is_dropped,
        not calls.is_contact and calls.verdict = 'machine' as is_machine,
        attempts.reviewed_as
    from calls
    inner join attempts on attempts.call_id = calls.call_id
    where calls.is_over
        and ($campaign_id = '' or calls.campaign_id = $campaign_id)
        and ($from = '' or calls.answered_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or calls.answered_at < cast(nullif($until, '') as timestamptz))
),
counts as (
    select
        count(*) filter (where is_live) as contacts,
        count(*) filter (where is_live and is_dropped) as dropped,
        count(*) filter (where is_machine) as machines,
        count(*) filter (where is_machine and reviewed_as is not null) as reviewed,
        count(*) filter (where is_machine and reviewed_as = 'human') as mistaken
    from answered
),
estimates as (
    select
        contacts,
        dropped,
        machines,
        reviewed,
        mistaken,
        case
            when machines = 0 then 0
            else machines * mistaken / nullif(reviewed, 0)
        end as estimated
    from counts
)
select
    contacts,
    dropped,
    machines,
    reviewed,
    mistaken,
    estimated,
    (dropped + estimated) * 1000000 / nullif(contacts + estimated, 0) as abandoned_rate_ppm
from estimates
