-- name: call_history
-- question: Every event of one call, in order.
-- params: call_id
-- example: ledgerline query call_history --param call_id=01980000-0000-7000-8000-000000000001
select
    position,
    occurred_at,
    type,
    actor,
    data
from events
where call_id = $call_id or correlation_id = $call_id
order by position
