-- name: kpi_cpa
-- question: Cost per acquisition: what lines, agents and data cost for each sale.
-- numerator: costs of lines, agents and data
-- denominator: sales: calls with a sale, each counted once
-- exclusions: what nobody put a price on. Costs count when what they pay for began, sales when
--   they were made. Amounts in more than one currency are not added: name one, or there is no
--   value
-- unit: minor currency units
-- source: practice of outbound call centres
-- grain: one row
-- key: none
-- inputs: commitments, costs
-- params: campaign_id =, currency =, from =, until =
-- columns: currencies int64 | line_milli int64 thousandths |
--   agent_milli int64 thousandths | data_milli int64 thousandths | sales int64 |
--   cpa_minor int64 minor units
-- tests: expr(currencies >= 0)
-- example: ledgerline query kpi_cpa --param campaign_id=business-loan
with
spent as (
    select
        count(distinct currency) as currencies,
        coalesce(sum(amount_milli) filter (where kind = 'line'), 0) as line_milli,
        coalesce(sum(amount_milli) filter (where kind = 'agent'), 0) as agent_milli,
        coalesce(sum(amount_milli) filter (where kind = 'data'), 0) as data_milli
    from costs
    where ($currency = '' or currency = $currency)
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($from = '' or incurred_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or incurred_at < cast(nullif($until, '') as timestamptz))
),
sold as (
    select count(distinct call_id) as sales
    from commitments
    where kind = 'sale'
        and ($campaign_id = '' or campaign_id = $campaign_id)
        and ($from = '' or made_at >= cast(nullif($from, '') as timestamptz))
        and ($until = '' or made_at < cast(nullif($until, '') as timestamptz))
)
select
    spent.currencies,
    spent.line_milli,
    spent.agent_milli,
    spent.data_milli,
    sold.sales,
    case
        when spent.currencies = 1
            then (spent.line_milli + spent.agent_milli + spent.data_milli)
                / 1000 / nullif(sold.sales, 0)
    end as cpa_minor
from spent
cross join sold
