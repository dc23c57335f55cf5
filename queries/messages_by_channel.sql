-- name: messages_by_channel
-- question: Messages by channel and template: how many arrived and how many were answered, in
--   parts per million of those sent. What people wrote stands under no template.
-- grain: one row per channel, template_id
-- key: channel, template_id
-- inputs: operational.messages_hourly
-- params: campaign_id =, date =, from =, until =
-- columns: channel text | template_id text | sent int64 | delivered int64 | failed int64 |
--   answered int64 | received int64 | opted_out int64 | units int64 |
--   delivered_mean_ms int64 ms | delivered_ppm int64 ppm | answered_ppm int64 ppm
-- tests: not_null(channel, template_id); unique(channel, template_id);
--   expr(delivered + failed <= sent)
-- example: ledgerline query messages_by_channel --param date=2026-11-21
select
    channel,
    template_id,
    sum(sent) as sent,
    sum(delivered) as delivered,
    sum(failed) as failed,
    sum(answered) as answered,
    sum(received) as received,
    sum(opted_out) as opted_out,
    sum(units) as units,
    sum(delivered_after_ms) / nullif(sum(delivered), 0) as delivered_mean_ms,
    sum(delivered) * 1000000 / nullif(sum(sent), 0) as delivered_ppm,
    sum(answered) * 1000000 / nullif(sum(sent), 0) as answered_ppm
from operational.messages_hourly
where ($campaign_id = '' or campaign_id = $campaign_id)
    and ($date = '' or cast(cast(hour as date) as varchar) = $date)
    and ($from = '' or hour >= cast(nullif($from, '') as timestamptz))
    and ($until = '' or hour < cast(nullif($until, '') as timestamptz))
group by channel, template_id
order by channel, template_id
