-- name: kpi_sdt
-- question: Session duration time: from the 200 to the BYE, sessions that were ended by a
--   BYE and those that were lost kept apart.
-- numerator: time of sessions from the 200 to their end
-- denominator: sessions of each kind
-- exclusions: sessions under way; sessions cut by a restart of the platform, as their end is
--   not known
-- unit: milliseconds
-- source: RFC 6076 §4.5
-- grain: one row
-- key: none
-- inputs: legs
-- params: campaign_id =, carrier_id =, from =, until =
-- columns: completed int64 | completed_mean_ms int64 ms | lost int64 |
--   lost_mean_ms int64 ms
-- tests: expr(coalesce(completed_mean_ms >= 0, true));
--   expr(coalesce(lost_mean_ms >= 0, true))
-- example: ledgerline query kpi_sdt
with
sessions as (
    select
        failure is null as is_completed,
        (
            cast(cast(ended_at as timestamp) as bigint)
            - cast(cast(answered_at as timestamp) as bigint)
        ) / 1000000 as duration_ms
    from legs
    where party = 'customer'
        and is_answered
        and is_over
        and (failure is not null or sip_status is not null)
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($carrier_id = '' or carrier_id = $carrier_id)
        and ($from = '' or started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or started_at < cast(nullif($until, '') as timestamptz))
)
select
    count(*) filter (where is_completed) as completed,
    sum(duration_ms) filter (where is_completed)
        / nullif(count(*) filter (where is_completed), 0) as completed_mean_ms,
    count(*) filter (where not is_completed) as lost,
    sum(duration_ms) filter (where not is_completed)
        / nullif(count(*) filter (where not is_completed), 0) as lost_mean_ms
from sessions
