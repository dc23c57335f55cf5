-- name: segments_daily
-- layer: strategic
-- question: Which customers are reached and agree: leads by job and earlier outcome,
--   filed under the day they were imported.
-- grain: one row per day, campaign_id, job, previous_outcome
-- key: day, campaign_id, job, previous_outcome
-- window: day day
-- inputs: leads.imported_at
-- columns: day moment | campaign_id text | job text | previous_outcome text |
--   leads int64 | tried int64 | attempts int64 | reached int64 | interested int64 |
--   committed int64 | opted_out int64 | refused int64 | value_ppm int64 ppm
-- measures: count(leads, tried, reached, interested, committed, opted_out, refused);
--   sum(attempts, value_ppm)
-- tests: not_null(day, campaign_id, job, previous_outcome);
--   unique(day, campaign_id, job, previous_outcome)
-- lateness: 36 h
-- refresh: 10 min
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
