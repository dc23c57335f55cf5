-- name: calls_hourly
-- layer: operational
-- description: Attempts of each campaign by the hour they began in, and how they ended.
-- window: hour hour
-- grain: hour, campaign_id
-- inputs: attempts.started_at
-- measures: attempts, over, answered, contacts, machines, no_answer, busy, rejected,
--   unreachable, failed, abandoned, bridged, transfers_wanted, ring_ms, talk_ms, committed,
--   opted_out
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
