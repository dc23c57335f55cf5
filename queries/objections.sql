-- name: objections
-- question: What holds customers back: how often each objection was heard, in how many calls,
--   and how many of those calls still ended in an agreement.
-- grain: one row per objection
-- key: objection
-- inputs: attempts, intent_tags
-- params: campaign_id =, date =, from =, until =
-- columns: objection text | times int64 | calls int64 | committed int64 |
--   committed_ppm int64 ppm
-- tests: not_null(objection); unique(objection);
--   expr(coalesce(committed_ppm between 0 and 1000000, true))
-- example: ledgerline query objections
with
calls as (
    select
        objection,
        call_id,
        count(*) as times
    from intent_tags
    where objection is not null
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($date = '' or cast(cast(occurred_at as date) as varchar) = $date)
        and ($from = '' or occurred_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or occurred_at < cast(nullif($until, '') as timestamptz))
    group by objection, call_id
)
select
    calls.objection,
    sum(calls.times) as times,
    count(*) as calls,
    count(*) filter (where attempts.is_committed) as committed,
    count(*) filter (where attempts.is_committed) * 1000000 / count(*) as committed_ppm
from calls
left join attempts on attempts.call_id = calls.call_id
group by calls.objection
order by times desc, calls.objection
