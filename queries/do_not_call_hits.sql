-- name: do_not_call_hits
-- question: What each rule said: dials it allowed and dials it forbade.
-- grain: one row per campaign_id, rule_id, rule_version
-- key: campaign_id, rule_id, rule_version
-- inputs: compliance_checks
-- params: campaign_id =, date =
-- columns: campaign_id text | rule_id text | rule_version int64 | asked int64 |
--   allowed int64 | forbidden int64
-- tests: not_null(campaign_id, rule_id, rule_version);
--   unique(campaign_id, rule_id, rule_version)
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
