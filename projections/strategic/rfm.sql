-- name: rfm
-- layer: strategic
-- question: How many people are there by how long ago, how often and how much we talked? Days are
--   counted back from the day of the last call there is; minutes are the whole talk.
-- grain: one row per days_since, contacts, minutes, last_level
-- key: days_since, contacts, minutes, last_level
-- window: whole
-- inputs: portrait.subjects.subject_id
-- columns: days_since int64 d | contacts int64 | minutes int64 min | last_level text |
--   subjects int64 | committed int64 | opted_out int64 | attempts int64 | talk_ms int64 ms
-- measures: count(subjects, committed, opted_out); sum(attempts, talk_ms)
-- tests: not_null(days_since, contacts, minutes, last_level);
--   unique(days_since, contacts, minutes, last_level); expr(committed <= subjects);
--   expr(days_since in (0, 7, 14, 30, 90) and contacts between 0 and 3)
-- lateness: 36 h
-- refresh: 10 min
with
newest as (
    select max(date_trunc('day', last_call_at)) as day from portrait.subjects
),
people as (
    select
        (
            cast(cast(newest.day as timestamp) as bigint)
            - cast(cast(date_trunc('day', last_call_at) as timestamp) as bigint)
        ) / 86400000000000 as days_ago,
        *
    from portrait.subjects
    cross join newest
    where last_call_at is not null
),
bands as (
    select
        case
            when days_ago < 7 then 0
            when days_ago < 14 then 7
            when days_ago < 30 then 14
            when days_ago < 90 then 30
            else 90
        end as days_since,
        least(people.contacts, 3) as contacts,
        least(people.talk_ms / 60000, 10) as minutes,
        coalesce(people.last_level, '') as last_level,
        people.is_committed,
        people.is_opted_out,
        people.attempts,
        people.talk_ms
    from people
)
select
    days_since,
    contacts,
    minutes,
    last_level,
    count(*) as subjects,
    count(*) filter (where is_committed) as committed,
    count(*) filter (where is_opted_out) as opted_out,
    sum(attempts) as attempts,
    sum(talk_ms) as talk_ms
from bands
group by days_since, contacts, minutes, last_level
