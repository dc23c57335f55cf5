-- name: calls_minutely
-- layer: operational
-- question: Attempts of each campaign by the minute they began in: what a wall board shows.
-- grain: one row per minute, campaign_id
-- key: minute, campaign_id
-- window: minute minute
-- inputs: attempts.started_at
-- columns: minute moment | campaign_id text | attempts int64 | over int64 |
--   answered int64 | contacts int64 | machines int64 | abandoned int64 | failed int64 |
--   bridged int64 | ring_ms int64 ms | talk_ms int64 ms | bridge_wait_ms int64 ms
-- measures: count(attempts, over, answered, contacts, machines, abandoned, failed,
--   bridged); sum(ring_ms, talk_ms, bridge_wait_ms)
-- tests: not_null(minute, campaign_id); unique(minute, campaign_id);
--   relationship(campaign_id -> campaigns.campaign_id);
--   expr(over <= attempts and answered <= attempts and contacts <= answered)
-- lateness: 36 h
-- refresh: 5 s
-- retention: 7 d
select
    date_trunc('minute', started_at) as minute,
    campaign_id,
    count(*) as attempts,
    count(*) filter (where is_over) as over,
    count(*) filter (where is_answered) as answered,
    count(*) filter (where is_contact) as contacts,
    count(*) filter (where disposition = 'answered_machine') as machines,
    count(*) filter (where disposition = 'abandoned') as abandoned,
    count(*) filter (where disposition in ('congestion', 'carrier_failed')) as failed,
    count(*) filter (where is_bridged) as bridged,
    coalesce(sum(ring_ms), 0) as ring_ms,
    coalesce(sum(talk_ms), 0) as talk_ms,
    coalesce(sum(bridge_wait_ms), 0) as bridge_wait_ms
from attempts
group by date_trunc('minute', started_at), campaign_id
