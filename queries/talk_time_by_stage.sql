-- name: talk_time_by_stage
-- question: Time spoken and heard in each stage of the script, and how often the robot could
--   finish, in parts per million of its turns.
-- grain: one row per stage
-- key: stage
-- inputs: funnel.stages_daily
-- params: campaign_id =, date =
-- columns: stage text | robot_turns int64 | robot_ms int64 ms | finished_ppm int64 ppm |
--   customer_turns int64 | silences int64 | customer_ms int64 ms |
--   reaction_mean_ms int64 ms
-- tests: not_null(stage); unique(stage);
--   expr(coalesce(finished_ppm between 0 and 1000000, true))
-- example: ledgerline query talk_time_by_stage
select
    stage,
    sum(spoken) as robot_turns,
    sum(spoken_ms) as robot_ms,
    sum(finished) * 1000000 / nullif(sum(spoken), 0) as finished_ppm,
    sum(heard) as customer_turns,
    sum(silences) as silences,
    sum(heard_ms) as customer_ms,
    sum(reaction_ms) / nullif(sum(reactions), 0) as reaction_mean_ms
from funnel.stages_daily
where ($campaign_id = '' or campaign_id = $campaign_id)
    and ($date = '' or cast(cast(day as date) as varchar) = $date)
group by stage
order by robot_ms desc, stage
