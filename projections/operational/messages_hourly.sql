-- name: messages_hourly
-- layer: operational
-- question: Messages of each campaign and channel by the hour they were sent or came in, and what
--   became of them. Delivered, failed and answered count in the hour the message was sent.
-- grain: one row per hour, campaign_id, channel, template_id
-- key: hour, campaign_id, channel, template_id
-- window: hour hour
-- inputs: messages.occurred_at
-- columns: hour moment | campaign_id text | channel text | template_id text | sent int64 |
--   delivered int64 | failed int64 | answered int64 | delivered_after_ms int64 ms |
--   units int64 | received int64 | opted_out int64
-- measures: count(sent, delivered, failed, answered, received, opted_out);
--   sum(delivered_after_ms, units)
-- tests: not_null(hour, campaign_id, channel, template_id);
--   unique(hour, campaign_id, channel, template_id);
--   expr(delivered + failed <= sent and answered <= sent and opted_out <= received)
-- lateness: 36 h
-- refresh: 5 s
select
    date_trunc('hour', occurred_at) as hour,
    coalesce(campaign_id, '') as campaign_id,
    channel,
    coalesce(template_id, '') as template_id,
    count(*) filter (where direction = 'out') as sent,
    count(*) filter (where outcome = 'delivered') as delivered,
    count(*) filter (where outcome = 'failed') as failed,
    count(*) filter (where direction = 'out' and answered_at is not null) as answered,
    coalesce(sum(delivered_after_ms), 0) as delivered_after_ms,
    sum(units) as units,
    count(*) filter (where direction = 'in') as received,
    count(*) filter (where is_opted_out) as opted_out
from messages
group by
    date_trunc('hour', occurred_at),
    coalesce(campaign_id, ''),
    channel,
    coalesce(template_id, '')
