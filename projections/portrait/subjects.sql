-- name: subjects
-- layer: portrait
-- question: What is known of each person who was called or written to, over every channel: how
--   often, how long, and what came of it?
-- grain: one row per subject_id
-- key: subject_id
-- window: bucket subject_id
-- inputs: attempts.subject_id, messages.subject_id
-- columns: subject_id text | campaigns int64 | attempts int64 | answered int64 |
--   contacts int64 | talk_ms int64 ms | first_call_at moment | last_call_at moment |
--   last_contact_at moment | last_disposition text | last_level text | is_committed bool |
--   is_opted_out bool | messages_sent int64 | messages_received int64 |
--   last_sent_at moment | last_received_at moment | last_channel text | last_intent text
-- measures: count(campaigns, attempts, answered, contacts, messages_sent, messages_received);
--   sum(talk_ms); min(first_call_at); max(last_call_at, last_contact_at, is_committed,
--   is_opted_out, last_sent_at, last_received_at);
--   last(last_disposition, last_level, last_channel, last_intent)
-- tests: not_null(subject_id); unique(subject_id);
--   relationship(subject_id -> leads.subject_id);
--   expr(contacts <= attempts and coalesce(first_call_at <= last_call_at, attempts = 0));
--   expr(attempts + messages_sent + messages_received > 0)
-- lateness: 36 h
-- refresh: 1 min
with
calls as (
    select
        subject_id,
        count(distinct campaign_id) as campaigns,
        count(*) as attempts,
        count(*) filter (where is_answered) as answered,
        count(*) filter (where is_contact) as contacts,
        coalesce(sum(talk_ms), 0) as talk_ms,
        min(started_at) as first_call_at,
        max(started_at) as last_call_at,
        max(started_at) filter (where is_contact) as last_contact_at,
        last_value(disposition order by started_at, call_id)
            filter (where disposition is not null) as last_disposition,
        last_value(level order by started_at, call_id)
            filter (where level is not null) as last_level,
        bool_or(is_committed) as is_committed,
        bool_or(is_opted_out) as is_opted_out
    from attempts
    group by subject_id
),
written as (
    select
        subject_id,
        count(*) filter (where direction = 'out') as messages_sent,
        count(*) filter (where direction = 'in') as messages_received,
        max(occurred_at) filter (where direction = 'out') as last_sent_at,
        max(occurred_at) filter (where direction = 'in') as last_received_at,
        last_value(channel order by occurred_at, message_id) as last_channel,
        last_value(intent order by occurred_at, message_id)
            filter (where intent is not null) as last_intent,
        bool_or(is_opted_out) as is_opted_out
    from messages
    group by subject_id
)
select
    coalesce(calls.subject_id, written.subject_id) as subject_id,
    coalesce(calls.campaigns, 0) as campaigns,
    coalesce(calls.attempts, 0) as attempts,
    coalesce(calls.answered, 0) as answered,
    coalesce(calls.contacts, 0) as contacts,
    coalesce(calls.talk_ms, 0) as talk_ms,
    calls.first_call_at,
    calls.last_call_at,
    calls.last_contact_at,
    calls.last_disposition,
    calls.last_level,
    coalesce(calls.is_committed, false) as is_committed,
    coalesce(calls.is_opted_out, false) or coalesce(written.is_opted_out, false)
        as is_opted_out,
    coalesce(written.messages_sent, 0) as messages_sent,
    coalesce(written.messages_received, 0) as messages_received,
    written.last_sent_at,
    written.last_received_at,
    written.last_channel,
    written.last_intent
from calls
full join written on written.subject_id = calls.subject_id
