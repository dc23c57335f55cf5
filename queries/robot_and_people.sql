-- name: robot_and_people
-- question: Robot against people: contacts by who talked last, talk time, interested customers
--   (level A or B) and agreements, with rates over contacts in parts per million.
-- params: campaign_id =, date =, from =, until =
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
