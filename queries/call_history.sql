-- name: call_history
-- question: Every event of one call, in order, with those of the messages that follow from it.
-- grain: one row per event
-- key: position
-- inputs: events
-- params: call_id
-- columns: position int64 | occurred_at moment | type text | actor text | data text
-- tests: not_null(position); unique(position)
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
