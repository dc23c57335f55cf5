-- name: customer_history
-- question: Everything that passed between us and one person, over every channel, in order: calls
--   with how they ended, what was agreed, messages both ways, and the day the list came.
-- grain: one row per thing that happened
-- key: happened_at, channel, what, id
-- inputs: attempts, commitments, leads, messages
-- params: subject_id
-- columns: happened_at moment | channel text | direction text | what text | outcome text |
--   campaign_id text | id text
-- tests: not_null(happened_at, channel, what, id)
-- example: ledgerline query customer_history --param subject_id=01980000-0000-7000-8000-000000000005
with
history as (
    select
        imported_at as happened_at,
        'list' as channel,
        'in' as direction,
        'listed' as what,
        coalesce(list_id, '') as outcome,
        campaign_id,
        lead_id as id
    from leads
    where subject_id = $subject_id
    union all
    select
        started_at,
        'phone',
        'out',
        'call',
        coalesce(disposition, ''),
        campaign_id,
        call_id
    from attempts
    where subject_id = $subject_id
    union all
    select
        commitments.made_at,
        'phone',
        'in',
        commitments.kind,
        commitments.made_with,
        commitments.campaign_id,
        commitments.call_id
    from commitments
    inner join leads on leads.lead_id = commitments.lead_id
    where leads.subject_id = $subject_id
    union all
    select
        occurred_at,
        channel,
        direction,
        coalesce(template_id, intent, 'message'),
        outcome,
        coalesce(campaign_id, ''),
        message_id
    from messages
    where subject_id = $subject_id
)
select
    happened_at,
    channel,
    direction,
    what,
    outcome,
    campaign_id,
    id
from history
order by happened_at, channel, what, id
