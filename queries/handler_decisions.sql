-- name: handler_decisions
-- question: Who was chosen to talk and why: scores in parts per million, the runner-up, and
--   the vetoes of the others. The newest first.
-- grain: one row per decision
-- key: decision_position
-- inputs: decisions
-- params: call_id =
-- columns: decision_position int64 | decided_at moment | call_id text | purpose text |
--   chosen text | score int64 | runner_up text | runner_up_score int64 |
--   candidate_count int64 | veto_count int64 | reason text | policy text
-- tests: not_null(decision_position); unique(decision_position)
-- example: ledgerline query handler_decisions --param call_id=01980000-0000-7000-8000-000000000001
select
    decision_position,
    decided_at,
    call_id,
    purpose,
    chosen,
    score,
    runner_up,
    runner_up_score,
    candidate_count,
    veto_count,
    reason,
    policy
from decisions
where kind = 'handler' and ($call_id = '' or call_id = $call_id)
order by decision_position desc
limit 200
