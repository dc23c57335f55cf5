-- name: funnel_by_campaign
-- question: The way from a lead to an agreement, by campaign; rates in parts per million.
--   Contact rate is over dials, the rates after it over contacts, penetration over leads.
-- grain: one row per campaign_id
-- key: campaign_id
-- inputs: campaigns, funnel.campaigns_hourly
-- params: campaign_id =, date =, from =, until =
-- columns: campaign_id text | name text | state text | leads int64 | leads_tried int64 |
--   attempts int64 | answered int64 | contacts int64 | talked int64 | interested int64 |
--   bridged int64 | committed int64 | opted_out int64 | penetration_ppm int64 ppm |
--   connect_ppm int64 ppm | contact_ppm int64 ppm | interested_ppm int64 ppm |
--   committed_ppm int64 ppm
-- tests: not_null(campaign_id); unique(campaign_id);
--   expr(coalesce(penetration_ppm between 0 and 1000000, true));
--   expr(coalesce(connect_ppm between 0 and 1000000, true));
--   expr(coalesce(contact_ppm between 0 and 1000000, true));
--   expr(coalesce(interested_ppm between 0 and 1000000, true));
--   expr(coalesce(committed_ppm between 0 and 1000000, true))
-- example: ledgerline query funnel_by_campaign --param campaign_id=business-loan
with
funnel as (
    select
        campaign_id,
        sum(leads_tried) as leads_tried,
        sum(attempts) as attempts,
        sum(answered) as answered,
        sum(contacts) as contacts,
        sum(talked) as talked,
        sum(interested) as interested,
        sum(bridged) as bridged,
        sum(committed) as committed,
        sum(opted_out) as opted_out
    from funnel.campaigns_hourly
    where ($date = '' or cast(cast(hour as date) as varchar) = $date)
        and ($from = '' or hour >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or hour < cast(nullif($until, '') as timestamptz))
    group by campaign_id
)
select
    campaigns.campaign_id,
    campaigns.name,
    campaigns.state,
    campaigns.leads,
    coalesce(funnel.leads_tried, 0) as leads_tried,
    coalesce(funnel.attempts, 0) as attempts,
    coalesce(funnel.answered, 0) as answered,
    coalesce(funnel.contacts, 0) as contacts,
    coalesce(funnel.talked, 0) as talked,
    coalesce(funnel.interested, 0) as interested,
    coalesce(funnel.bridged, 0) as bridged,
    coalesce(funnel.committed, 0) as committed,
    coalesce(funnel.opted_out, 0) as opted_out,
    funnel.leads_tried * 1000000 / nullif(campaigns.leads, 0) as penetration_ppm,
    funnel.answered * 1000000 / nullif(funnel.attempts, 0) as connect_ppm,
    funnel.contacts * 1000000 / nullif(funnel.attempts, 0) as contact_ppm,
    funnel.interested * 1000000 / nullif(funnel.contacts, 0) as interested_ppm,
    funnel.committed * 1000000 / nullif(funnel.contacts, 0) as committed_ppm
from campaigns
left join funnel on funnel.campaign_id = campaigns.campaign_id
where $campaign_id = '' or campaigns.campaign_id = $campaign_id
order by campaigns.campaign_id
