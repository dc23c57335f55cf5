-- name: industries_daily
-- layer: strategic
-- question: Which trades are reached and agree, by day of the attempt? The trade is the one the
--   list gave when the attempt began; empty where it gave none.
-- grain: one row per day, campaign_id, industry
-- key: day, campaign_id, industry
-- window: day day
-- inputs: attempts.started_at
-- columns: day moment | campaign_id text | industry text | attempts int64 | answered int64 |
--   contacts int64 | interested int64 | committed int64 | opted_out int64 | talk_ms int64 ms |
--   reached binary
-- measures: count(attempts, answered, contacts, interested, committed, opted_out);
--   sum(talk_ms); hll(reached)
-- tests: not_null(day, campaign_id, industry); unique(day, campaign_id, industry);
--   expr(answered <= attempts and contacts <= answered);
--   expr(distinct_of(reached) * 10 <= contacts * 11)
-- lateness: 36 h
-- refresh: 10 min
select
    date_trunc('day', started_at) as day,
    campaign_id,
    coalesce(industry, '') as industry,
    count(*) as attempts,
    count(*) filter (where is_answered) as answered,
    count(*) filter (where is_contact) as contacts,
    count(*) filter (where level in ('A', 'B')) as interested,
    count(*) filter (where is_committed) as committed,
    count(*) filter (where is_opted_out) as opted_out,
    coalesce(sum(talk_ms), 0) as talk_ms,
    hll_sketch(case when is_contact then subject_id end) as reached
from attempts
group by date_trunc('day', started_at), campaign_id, coalesce(industry, '')
