-- name: kpi_interested_share
-- question: Interested share (意向客户占比): how many of the customers we spoke to are
--   interested by their latest level, with what found the meanings.
-- numerator: customers whose latest level is A or B
-- denominator: customers contacted: people who answered at least once, each counted once
-- exclusions: attempts under way; a contact without a level counts as not interested.
--   `sources` names the key, rule or model and version that tagged these calls
-- unit: parts per million
-- source: project metric
-- grain: one row
-- key: none
-- inputs: attempts, intent_tags
-- params: campaign_id =, from =, until =
-- columns: sources text | customers int64 | interested int64 |
--   interested_share_ppm int64 ppm
-- tests: expr(coalesce(interested_share_ppm between 0 and 1000000, true))
-- example: ledgerline query kpi_interested_share
with
contacts as (
    select
        call_id,
        subject_id,
        level,
        started_at
    from attempts
    where is_contact
        and is_over
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($from = '' or started_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or started_at < cast(nullif($until, '') as timestamptz))
),
levels as (
    select
        level,
        row_number() over (
            partition by subject_id order by started_at desc, call_id desc
        ) as place
    from contacts
    where level is not null
),
customers as (
    select count(distinct subject_id) as customers
    from contacts
),
interested as (
    select count(*) as interested
    from levels
    where place = 1 and level in ('A', 'B')
),
sources as (
    select string_agg(source, '; ' order by source) as sources
    from (
        select distinct intent_tags.source
        from intent_tags
        inner join contacts on contacts.call_id = intent_tags.call_id
    ) as named
)
select
    sources.sources,
    customers.customers,
    interested.interested,
    interested.interested * 1000000 / nullif(customers.customers, 0) as interested_share_ppm
from customers
cross join interested
cross join sources
