-- name: carriers_minutely
-- layer: operational
-- question: Customer legs of each carrier by the minute they began in: whether a line fails now.
-- grain: one row per minute, carrier_id
-- key: minute, carrier_id
-- window: minute minute
-- inputs: legs.started_at
-- columns: minute moment | carrier_id text | seizures int64 | over int64 |
--   answered int64 | failed int64 | pdd_count int64 | pdd_ms int64 ms | pdd_max_ms int64 ms |
--   packets_received int64 | packets_lost int64
-- measures: count(seizures, over, answered, failed, pdd_count);
--   sum(pdd_ms, packets_received, packets_lost); max(pdd_max_ms)
-- tests: not_null(minute, carrier_id); unique(minute, carrier_id);
--   expr(answered <= seizures and over <= seizures)
-- lateness: 36 h
-- refresh: 5 s
-- retention: 7 d
select
    date_trunc('minute', started_at) as minute,
    coalesce(carrier_id, '') as carrier_id,
    count(*) as seizures,
    count(*) filter (where is_over) as over,
    count(*) filter (where is_answered) as answered,
    count(*) filter (where is_failed) as failed,
    count(pdd_ms) as pdd_count,
    coalesce(sum(pdd_ms), 0) as pdd_ms,
    coalesce(max(pdd_ms), 0) as pdd_max_ms,
    coalesce(sum(packets_received), 0) as packets_received,
    coalesce(sum(packets_lost), 0) as packets_lost
from legs
where party = 'customer'
group by date_trunc('minute', started_at), coalesce(carrier_id, '')
