-- name: opt_outs
-- question: Calls in which the customer asked never to be called again, by the script's stage
--   at the end and by who talked.
-- grain: one row per stage, handler_kind
-- key: stage, handler_kind
-- inputs: attempts
-- params: campaign_id =, date =, from =, until =
-- columns: stage text | handler_kind text | calls int64
-- tests: not_null(stage, handler_kind); unique(stage, handler_kind)
-- example: ledgerline query opt_outs --param date=2026-11-21
select
    coalesce(stage, '') as stage,
    coalesce(handler_kind, 'nobody') as handler_kind,
    count(*) as calls
from attempts
where is_opted_out
    and ($campaign_id = '' or campaign_id = $campaign_id)
    and ($date = '' or cast(cast(started_at as date) as varchar) = $date)
    and ($from = '' or started_at >= cast(nullif($from, '') as timestamptz))
    and ($until = '' or started_at < cast(nullif($until, '') as timestamptz))
group by coalesce(stage, ''), coalesce(handler_kind, 'nobody')
order by calls desc, stage, handler_kind
