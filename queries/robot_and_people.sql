-- name: robot_and_people
-- question: Robot against people: contacts by who talked last, talk time, interested customers
--   (level A or B) and agreements, with rates over contacts in parts per million.
-- grain: one row per handler_kind
-- key: handler_kind
-- inputs: funnel.handlers_hourly
-- params: campaign_id =, date =, from =, until =
-- columns: handler_kind text | contacts int64 | talk_mean_ms int64 ms | interested int64 |
--   committed int64 | opted_out int64 | interested_ppm int64 ppm |
--   committed_ppm int64 ppm | opted_out_ppm int64 ppm
-- tests: not_null(handler_kind); unique(handler_kind);
--   expr(coalesce(interested_ppm between 0 and 1000000, true));
--   expr(coalesce(committed_ppm between 0 and 1000000, true));
--   expr(coalesce(opted_out_ppm between 0 and 1000000, true))
-- example: ledgerline query robot_and_people
select
    handler_kind,
    sum(contacts) as contacts,
    sum(talk_ms) / nullif(sum(contacts), 0) as talk_mean_ms,
    sum(level_a + level_b) as interested,
    sum(committed) as committed,
    sum(opted_out) as opted_out,
    sum(level_a + level_b) * 1000000 / nullif(sum(contacts), 0) as interested_ppm,
    sum(committed) * 1000000 / nullif(sum(contacts), 0) as committed_ppm,
    sum(opted_out) * 1000000 / nullif(sum(contacts), 0) as opted_out_ppm
from funnel.handlers_hourly
where ($campaign_id = '' or campaign_id = $campaign_id)
    and ($date = '' or cast(cast(hour as date) as varchar) = $date)
    and ($from = '' or hour >= cast(nullif($from, '') as timestamptz))
    and ($until = '' or hour < cast(nullif($until, '') as timestamptz))
group by handler_kind
order by handler_kind
