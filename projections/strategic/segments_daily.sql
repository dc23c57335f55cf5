-- name: segments_daily
-- layer: strategic
-- description: Which customers are reached and agree: leads by job and earlier outcome, filed
--   under the day they were imported.
-- window: day day
-- grain: day, campaign_id, job, previous_outcome
-- inputs: leads.imported_at
-- measures: leads, tried, attempts, reached, interested, committed, opted_out, refused,
--   value_ppm
select
    date_trunc('day', imported_at) as day,
    campaign_id,
    coalesce(job, '') as job,
    coalesce(previous_outcome, '') as previous_outcome,
    count(*) as leads,
    count(*) filter (where attempts > 0) as tried,
    sum(attempts) as attempts,
    count(*) filter (where is_reached) as reached,
    count(*) filter (where level in ('A', 'B')) as interested,
    count(*) filter (where is_committed) as committed,
    count(*) filter (where is_opted_out) as opted_out,
    count(*) filter (where is_refused) as refused,
    sum(value_ppm) as value_ppm
from leads
group by
    date_trunc('day', imported_at),
    campaign_id,
    coalesce(job, ''),
    coalesce(previous_outcome, '')
