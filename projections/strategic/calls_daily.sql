-- name: calls_daily
-- layer: strategic
-- question: Attempts of each campaign by day and hour of the day (UTC): when is it worth dialling?
-- grain: one row per day, campaign_id, hour_of_day
-- key: day, campaign_id, hour_of_day
-- window: day day
-- inputs: operational.calls_hourly.hour
-- columns: day moment | campaign_id text | hour_of_day int64 h | attempts int64 |
--   answered int64 | contacts int64 | abandoned int64 | talk_ms int64 ms | committed int64
-- measures: sum(attempts, answered, contacts, abandoned, talk_ms, committed)
-- tests: not_null(day, campaign_id, hour_of_day); unique(day, campaign_id, hour_of_day);
--   expr(hour_of_day between 0 and 23 and answered <= attempts)
-- lateness: 36 h
-- refresh: 10 min
select
    date_trunc('day', hour) as day,
    campaign_id,
    cast(date_part('hour', hour) as bigint) as hour_of_day,
    sum(attempts) as attempts,
    sum(answered) as answered,
    sum(contacts) as contacts,
    sum(abandoned) as abandoned,
    sum(talk_ms) as talk_ms,
    sum(committed) as committed
from operational.calls_hourly
group by date_trunc('day', hour), campaign_id, date_part('hour', hour)
