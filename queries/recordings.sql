-- name: recordings
-- question: Each recording of a call: how long it is, what became of it, and how often somebody
--   listened or took a copy.
-- grain: one row per recording_id
-- key: recording_id
-- inputs: events
-- params: call_id =, from =, until =
-- columns: recording_id text | call_id text | started_at moment | state text | reason text |
--   duration_ms int64 ms | dropped_ms int64 ms | bytes int64 bytes | played int64 |
--   exported int64 | last_access_at moment | deleted_at moment | deleted_by text
-- tests: not_null(recording_id, call_id, state); unique(recording_id);
--   expr(coalesce(dropped_ms <= duration_ms, true))
-- example: ledgerline query recordings --param from=2026-11-21
with
facts as (
    select
        type,
        call_id,
        occurred_at,
        position,
        regexp_match(data, '"recording_id":"([^"]*)"')[1] as recording_id,
        regexp_match(data, '"reason":"([^"]*)"')[1] as reason,
        regexp_match(data, '"by":"([^"]*)"')[1] as who,
        cast(regexp_match(data, '"duration_ms":([0-9]+)')[1] as bigint) as duration_ms,
        cast(regexp_match(data, '"dropped_ms":([0-9]+)')[1] as bigint) as dropped_ms,
        cast(regexp_match(data, '"bytes":([0-9]+)')[1] as bigint) as bytes
    from events
    where type in (
            'RecordingStarted',
            'RecordingStored',
            'RecordingFailed',
            'RecordingDeleted',
            'RecordingPlayed',
            'RecordingExported'
        )
        and ($call_id = '' or call_id = $call_id)
),
recordings as (
    select
        recording_id,
        min(call_id) as call_id,
        min(occurred_at) as started_at,
        case
            when count(*) filter (where type = 'RecordingDeleted') > 0 then 'deleted'
            when count(*) filter (where type = 'RecordingStored') > 0 then 'stored'
            when count(*) filter (where type = 'RecordingFailed') > 0 then 'failed'
            else 'recording'
        end as state,
        coalesce(
            max(reason) filter (where type = 'RecordingDeleted'),
            max(reason) filter (where type = 'RecordingFailed')
        ) as reason,
        max(duration_ms) as duration_ms,
        max(dropped_ms) as dropped_ms,
        max(bytes) as bytes,
        count(*) filter (where type = 'RecordingPlayed') as played,
        count(*) filter (where type = 'RecordingExported') as exported,
        max(occurred_at) filter (
            where type in ('RecordingPlayed', 'RecordingExported')
        ) as last_access_at,
        max(occurred_at) filter (where type = 'RecordingDeleted') as deleted_at,
        max(who) filter (where type = 'RecordingDeleted') as deleted_by
    from facts
    group by recording_id
)
select
    recording_id,
    call_id,
    started_at,
    state,
    reason,
    duration_ms,
    dropped_ms,
    bytes,
    played,
    exported,
    last_access_at,
    deleted_at,
    deleted_by
from recordings
where ($from = '' or started_at >= cast(nullif($from, '') as timestamptz))
    and ($until = '' or started_at < cast(nullif($until, '') as timestamptz))
order by started_at, recording_id
