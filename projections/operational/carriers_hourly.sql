-- name: carriers_hourly
-- layer: operational
-- question: Customer legs of each carrier by the hour they began in, with what ASR,
--   NER, post-dial delay and packet loss are made from. Where the carrier gave no
--   cause it follows from the SIP status, as in kpi_ner.
-- grain: one row per hour, carrier_id
-- key: hour, carrier_id
-- window: hour hour
-- inputs: legs.started_at
-- columns: hour moment | carrier_id text | seizures int64 | over int64 |
--   answered int64 | user_busy int64 | user_no_answer int64 | user_rejected int64 |
--   failed int64 | pdd_count int64 | pdd_ms int64 ms | packets_sent int64 |
--   packets_received int64 | packets_lost int64 | jitter_us int64 us
-- measures: count(seizures, over, answered, user_busy, user_no_answer, user_rejected,
--   failed, pdd_count); sum(pdd_ms, packets_sent, packets_received, packets_lost,
--   jitter_us)
-- tests: not_null(hour, carrier_id); unique(hour, carrier_id)
-- lateness: 36 h
-- refresh: 5 s
with
ends as (
    select
        *,
        coalesce(
            q850_cause,
            case
                when sip_status in (486, 600) then 17
                when sip_status = 480 then 18
                when sip_status = 487 and pdd_ms is not null then 19
                when sip_status = 603 then 21
            end
        ) as cause
    from legs
    where party = 'customer'
)
select
    date_trunc('hour', started_at) as hour,
    carrier_id,
    count(*) as seizures,
    count(*) filter (where is_over) as over,
    count(*) filter (where is_answered) as answered,
    count(*) filter (where not is_answered and cause = 17) as user_busy,
    count(*) filter (where not is_answered and cause in (18, 19)) as user_no_answer,
    count(*) filter (where not is_answered and cause = 21) as user_rejected,
    count(*) filter (where is_failed) as failed,
    count(pdd_ms) as pdd_count,
    coalesce(sum(pdd_ms), 0) as pdd_ms,
    sum(packets_sent) as packets_sent,
    sum(packets_received) as packets_received,
    sum(packets_lost) as packets_lost,
    coalesce(sum(jitter_us), 0) as jitter_us
from ends
group by date_trunc('hour', started_at), carrier_id
