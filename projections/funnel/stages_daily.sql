-- name: stages_daily
-- layer: funnel
-- description: What is said and heard in each stage of the script, by day.
-- window: day day
-- grain: day, campaign_id, stage
-- inputs: turns.occurred_at
-- measures: spoken, finished, spoken_ms, heard, keys, speech, silences, heard_ms, reactions,
--   reaction_ms
select
    date_trunc('day', occurred_at) as day,
    coalesce(campaign_id, '') as campaign_id,
    coalesce(stage, '') as stage,
    count(*) filter (where speaker = 'robot') as spoken,
    count(*) filter (where speaker = 'robot' and is_completed) as finished,
    coalesce(sum(spoken_ms) filter (where speaker = 'robot'), 0) as spoken_ms,
    count(*) filter (where speaker = 'customer') as heard,
    count(*) filter (where heard_kind = 'key') as keys,
    count(*) filter (where heard_kind = 'speech') as speech,
    count(*) filter (where heard_kind = 'silence') as silences,
    coalesce(sum(spoken_ms) filter (where speaker = 'customer'), 0) as heard_ms,
    count(reaction_ms) as reactions,
    coalesce(sum(reaction_ms), 0) as reaction_ms
from turns
group by date_trunc('day', occurred_at), coalesce(campaign_id, ''), coalesce(stage, '')
