-- name: do_not_call_hits
-- question: What each rule said: dials it allowed and dials it forbade.
-- params: campaign_id =, date =
-- example: ledgerline query do_not_call_hits
select
    coalesce(campaign_id, '') as campaign_id,
    rule_id,
    rule_version,
    count(*) as asked,
    count(*) filter (where is_allowed) as allowed,
    count(*) filter (where not is_allowed) as forbidden
from compliance_checks
where ($campaign_id = '' or campaign_id = $campaign_id)
    and ($date = '' or cast(cast(checked_at as date) as varchar) = $date)
group by coalesce(campaign_id, ''), rule_id, rule_version
order by campaign_id, rule_id, rule_version
