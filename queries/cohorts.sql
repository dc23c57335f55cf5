-- name: cohorts
-- question: How much of the leads of one week was reached, was interested, agreed to meet and
--   bought by the end of each week since they came in: the so-far columns add the weeks up, the
--   rates are over the leads of the cohort, in parts per million. Weeks are counted from the
--   moment each lead came in.
-- grain: one row per week, weeks_since
-- key: week, weeks_since
-- inputs: strategic.cohorts_weekly
-- params: campaign_id =, from =, until =
-- columns: week moment | weeks_since int64 weeks | leads int64 | dials int64 |
--   reached_so_far int64 | interested_so_far int64 | appointments_so_far int64 |
--   converted_so_far int64 | reached_ppm int64 ppm | interested_ppm int64 ppm |
--   appointment_ppm int64 ppm | conversion_ppm int64 ppm
-- tests: not_null(week, weeks_since); unique(week, weeks_since);
--   expr(reached_so_far <= leads and converted_so_far <= leads)
-- example: ledgerline query cohorts --param campaign_id=business-loan
with
weeks as (
    select
        week,
        weeks_since,
        sum(leads) as leads,
        sum(dials) as dials,
        sum(reached) as reached,
        sum(interested) as interested,
        sum(appointments) as appointments,
        sum(converted) as converted
    from strategic.cohorts_weekly
    where ($campaign_id = '' or campaign_id = $campaign_id)
        and ($from = '' or week >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or week < cast(nullif($until, '') as timestamptz))
    group by week, weeks_since
),
so_far as (
    select
        week,
        weeks_since,
        sum(leads) over (partition by week) as leads,
        dials,
        sum(reached) over (partition by week order by weeks_since) as reached,
        sum(interested) over (partition by week order by weeks_since) as interested,
        sum(appointments) over (partition by week order by weeks_since) as appointments,
        sum(converted) over (partition by week order by weeks_since) as converted
    from weeks
)
select
    week,
    weeks_since,
    leads,
    dials,
    reached as reached_so_far,
    interested as interested_so_far,
    appointments as appointments_so_far,
    converted as converted_so_far,
    reached * 1000000 / nullif(leads, 0) as reached_ppm,
    interested * 1000000 / nullif(leads, 0) as interested_ppm,
    appointments * 1000000 / nullif(leads, 0) as appointment_ppm,
    converted * 1000000 / nullif(leads, 0) as conversion_ppm
from so_far
order by week, weeks_since
