-- name: subjects
-- layer: portrait
-- question: What is known of each person who was called: how often, how long, and what came of it?
-- grain: one row per subject_id
-- key: subject_id
-- window: bucket subject_id
-- inputs: attempts.subject_id
-- columns: subject_id text | campaigns int64 | attempts int64 | answered int64 |
--   contacts int64 | talk_ms int64 ms | first_call_at moment | last_call_at moment |
--   last_contact_at moment | last_disposition text | last_level text | is_committed bool |
--   is_opted_out bool
-- measures: count(campaigns, attempts, answered, contacts); sum(talk_ms);
--   min(first_call_at); max(last_call_at, last_contact_at, is_committed, is_opted_out);
--   last(last_disposition, last_level)
-- tests: not_null(subject_id, first_call_at, last_call_at); unique(subject_id);
--   relationship(subject_id -> leads.subject_id);
--   expr(contacts <= attempts and first_call_at <= last_call_at)
-- lateness: 36 h
-- refresh: 1 min
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
