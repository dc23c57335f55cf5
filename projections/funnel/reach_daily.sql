-- name: reach_daily
-- layer: funnel
-- question: How many different people were dialled and talked to, and how long do they talk? Days
--   are merged with hll_merge and quantile_merge, never added up.
-- grain: one row per day, campaign_id
-- key: day, campaign_id
-- window: day day
-- inputs: attempts.started_at
-- columns: day moment | campaign_id text | attempts int64 | dialled binary |
--   reached binary | talk binary ms | ring binary ms
-- measures: count(attempts); hll(dialled, reached); quantiles(talk, ring)
-- tests: not_null(day, campaign_id); unique(day, campaign_id);
--   expr(distinct_of(dialled) <= attempts and distinct_of(reached) <= distinct_of(dialled))
-- lateness: 36 h
-- refresh: 1 min
select
    date_trunc('day', started_at) as day,
    campaign_id,
    count(*) as attempts,
    hll_sketch(subject_id) as dialled,
    hll_sketch(case when is_contact then subject_id end) as reached,
    quantile_sketch(case when is_contact then talk_ms end) as talk,
    quantile_sketch(ring_ms) as ring
from attempts
group by date_trunc('day', started_at), campaign_id
