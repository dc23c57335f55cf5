-- name: intents_daily
-- layer: funnel
-- description: What customers want and what holds them back, by day.
-- window: day day
-- grain: day, campaign_id, intent, objection
-- inputs: intent_tags.occurred_at
-- measures: tags, confidence_ppm
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
