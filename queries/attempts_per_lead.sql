-- name: attempts_per_lead
-- question: How often leads were dialled, and how many of them were reached: what a further
--   attempt brings. Reached and committed count leads whose last dial was of this number.
-- grain: one row per attempts
-- key: attempts
-- inputs: leads
-- params: campaign_id =
-- columns: attempts int64 | leads int64 | reached int64 | committed int64 |
--   reached_ppm int64 ppm
-- tests: not_null(attempts); unique(attempts);
--   expr(coalesce(reached_ppm between 0 and 1000000, true))
-- example: ledgerline query attempts_per_lead
select
    attempts,
    count(*) as leads,
    count(*) filter (where is_reached) as reached,
    count(*) filter (where is_committed) as committed,
    count(*) filter (where is_reached) * 1000000 / count(*) as reached_ppm
from leads
where $campaign_id = '' or campaign_id = $campaign_id
group by attempts
order by attempts
