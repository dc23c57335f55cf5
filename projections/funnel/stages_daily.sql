-- name: stages_daily
-- layer: funnel
-- question: What is said and heard in each stage of the script, by day.
-- grain: one row per day, campaign_id, stage
-- key: day, campaign_id, stage
-- window: day day
-- inputs: turns.occurred_at
-- columns: day moment | campaign_id text | stage text | spoken int64 |
--   finished int64 | spoken_ms int64 ms | heard int64 | keys int64 | speech int64 |
--   silences int64 | heard_ms int64 ms | reactions int64 | reaction_ms int64 ms
-- measures: count(spoken, finished, heard, keys, speech, silences, reactions);
--   sum(spoken_ms, heard_ms, reaction_ms)
-- tests: not_null(day, campaign_id, stage); unique(day, campaign_id, stage)
-- lateness: 36 h
-- refresh: 1 min
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
