-- name: calls_hourly
-- layer: operational
-- question: Attempts of each campaign by the hour they began in, and how they ended.
-- grain: one row per hour, campaign_id
-- key: hour, campaign_id
-- window: hour hour
-- inputs: attempts.started_at
-- columns: hour moment | campaign_id text | attempts int64 | over int64 |
--   answered int64 | contacts int64 | machines int64 | no_answer int64 | busy int64 |
--   rejected int64 | unreachable int64 | failed int64 | abandoned int64 |
--   bridged int64 | transfers_wanted int64 | ring_ms int64 ms | talk_ms int64 ms |
--   committed int64 | opted_out int64
-- measures: count(attempts, over, answered, contacts, machines, no_answer, busy,
--   rejected, unreachable, failed, abandoned, bridged, transfers_wanted, committed,
--   opted_out); sum(ring_ms, talk_ms)
-- tests: not_null(hour, campaign_id); unique(hour, campaign_id)
-- lateness: 36 h
-- refresh: 5 s
select
    date_trunc('hour', started_at) as hour,
    campaign_id,
    count(*) as attempts,
    count(*) filter (where is_over) as over,
    count(*) filter (where is_answered) as answered,
    count(*) filter (where is_contact) as contacts,
    count(*) filter (where disposition = 'answered_machine') as machines,
    count(*) filter (where disposition = 'no_answer') as no_answer,
    count(*) filter (where disposition = 'busy') as busy,
    count(*) filter (where disposition = 'rejected') as rejected,
    count(*) filter (where disposition in ('invalid_number', 'switched_off')) as unreachable,
    count(*) filter (where disposition in ('congestion', 'carrier_failed')) as failed,
    count(*) filter (where disposition = 'abandoned') as abandoned,
    count(*) filter (where is_bridged) as bridged,
    count(*) filter (where transfer_reason is not null) as transfers_wanted,
    coalesce(sum(ring_ms), 0) as ring_ms,
    coalesce(sum(talk_ms), 0) as talk_ms,
    count(*) filter (where is_committed) as committed,
    count(*) filter (where is_opted_out) as opted_out
from attempts
group by date_trunc('hour', started_at), campaign_id
