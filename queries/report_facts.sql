-- name: report_facts
-- question: What became of each report: made, on its way, sent, certainly not sent, or nobody
--   knows; one row for each fact, in the order of the log.
-- grain: one row per event
-- key: position
-- inputs: events
-- columns: position int64 | stream text | revision int64 | type text |
--   schema_version int64 | occurred_at moment | data text
-- tests: not_null(position); unique(position)
-- example: ledgerline query report_facts
select
    position,
    stream,
    revision,
    type,
    schema_version,
    occurred_at,
    data
from events
where type in (
    'ReportMade',
    'ReportSending',
    'ReportSent',
    'ReportSendFailed',
    'ReportSendUnknown'
)
order by position
