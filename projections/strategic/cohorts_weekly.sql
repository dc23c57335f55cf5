-- name: cohorts_weekly
-- layer: strategic
-- question: What becomes of the leads that came in one week, week after week? Weeks are counted
--   from the moment each lead came in. Leads count in week 0, dials and contacts in the week they
--   were made in; every other step counts a lead once, in the week it first took it, so that sums
--   over weeks are shares of the cohort.
-- grain: one row per week, campaign_id, weeks_since
-- key: week, campaign_id, weeks_since
-- window: week week
-- inputs: leads.imported_at, attempts.lead_imported_at, commitments.lead_imported_at
-- columns: week moment | campaign_id text | weeks_since int64 weeks | leads int64 |
--   dials int64 | contacts int64 | dialled int64 | reached int64 | interested int64 |
--   appointments int64 | converted int64 | opted_out int64
-- measures: count(leads, dials, contacts, dialled, reached, interested, appointments,
--   converted, opted_out)
-- tests: not_null(week, campaign_id, weeks_since); unique(week, campaign_id, weeks_since);
--   expr(weeks_since >= 0 and contacts <= dials and dialled <= dials and reached <= contacts)
-- lateness: 36 h
-- refresh: 10 min
with
steps as (
    select lead_id, campaign_id, imported_at as came_at, imported_at as step_at, 'lead' as step
    from leads
    union all
    select lead_id, campaign_id, lead_imported_at, started_at, 'dial'
    from attempts
    union all
    select lead_id, campaign_id, lead_imported_at, started_at, 'contact'
    from attempts
    where is_contact
    union all
    select lead_id, campaign_id, lead_imported_at, started_at, 'interested'
    from attempts
    where level in ('A', 'B')
    union all
    select lead_id, campaign_id, lead_imported_at, started_at, 'opted_out'
    from attempts
    where is_opted_out
    union all
    select lead_id, campaign_id, lead_imported_at, made_at, kind
    from commitments
    where kind in ('appointment', 'sale')
),
dated as (
    select
        date_trunc('week', came_at) as week,
        campaign_id,
        greatest(
            (
                cast(cast(step_at as timestamp) as bigint)
                - cast(cast(came_at as timestamp) as bigint)
            ) / 604800000000000,
            0
        ) as weeks_since,
        lead_id,
        step
    from steps
    where came_at is not null
),
counted as (
    select
        week,
        campaign_id,
        weeks_since,
        step,
        count(*) as times,
        -- 1 where the lead takes this step for the first time.
        case
            when row_number() over (
                partition by week, campaign_id, lead_id, step order by weeks_since
            ) = 1 then 1
            else 0
        end as is_first
    from dated
    group by week, campaign_id, weeks_since, step, lead_id
)
select
    week,
    campaign_id,
    weeks_since,
    coalesce(sum(is_first) filter (where step = 'lead'), 0) as leads,
    coalesce(sum(times) filter (where step = 'dial'), 0) as dials,
    coalesce(sum(times) filter (where step = 'contact'), 0) as contacts,
    coalesce(sum(is_first) filter (where step = 'dial'), 0) as dialled,
    coalesce(sum(is_first) filter (where step = 'contact'), 0) as reached,
    coalesce(sum(is_first) filter (where step = 'interested'), 0) as interested,
    coalesce(sum(is_first) filter (where step = 'appointment'), 0) as appointments,
    coalesce(sum(is_first) filter (where step = 'sale'), 0) as converted,
    coalesce(sum(is_first) filter (where step = 'opted_out'), 0) as opted_out
from counted
group by week, campaign_id, weeks_since
