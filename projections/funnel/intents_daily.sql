-- name: intents_daily
-- layer: funnel
-- question: What customers want and what holds them back, by day.
-- grain: one row per day, campaign_id, intent, objection
-- key: day, campaign_id, intent, objection
-- window: day day
-- inputs: intent_tags.occurred_at
-- columns: day moment | campaign_id text | intent text | objection text | tags int64 |
--   confidence_ppm int64 ppm
-- measures: count(tags); sum(confidence_ppm)
-- tests: not_null(day, campaign_id, intent, objection);
--   unique(day, campaign_id, intent, objection)
-- lateness: 36 h
-- refresh: 1 min
select
    date_trunc('day', occurred_at) as day,
    coalesce(campaign_id, '') as campaign_id,
    intent,
    coalesce(objection, '') as objection,
    count(*) as tags,
    sum(confidence_ppm) as confidence_ppm
from intent_tags
group by
    date_trunc('day', occurred_at),
    coalesce(campaign_id, ''),
    intent,
    coalesce(objection, '')
