# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Funnel · 转化漏斗
#
# From a name on a list to a sale: where people are lost, in which campaign, in which stage of the
# script, and what a further dial brings.

# %%
import altair as alt
import polars as pl

import ledgerline
from ledgerline import rows, shares, show, titled

ledger = ledgerline.connect()

# %% [markdown]
# ## The whole way · 全程转化
#
# By lead, not by call: each lead counts once in each step it ever came to.

# %%
STEPS = {
    "leads": "on the list 名单",
    "tried": "dialled 已拨打",
    "reached": "reached 接通真人",
    "talked": "talked 有效沟通",
    "interested": "interested 有意向 (A, B)",
    "agreed": "agreed 同意约访",
    "sold": "sold 成交",
}
by_campaign = ledger.ask(
    """
    with
    calls as (
        select
            lead_id,
            max(case when is_contact then 1 else 0 end) as reached,
            max(case when is_contact and (turns > 1 or is_bridged) then 1 else 0 end) as talked,
            max(case when level in ('A', 'B') then 1 else 0 end) as interested
        from attempts
        group by lead_id
    ),
    promises as (
        select
            lead_id,
            max(case when kind = 'appointment' then 1 else 0 end) as agreed,
            max(case when kind = 'sale' then 1 else 0 end) as sold
        from commitments
        group by lead_id
    )
    select
        leads.campaign_id,
        count(*) as leads,
        count(calls.lead_id) as tried,
        coalesce(sum(calls.reached), 0) as reached,
        coalesce(sum(calls.talked), 0) as talked,
        coalesce(sum(calls.interested), 0) as interested,
        coalesce(sum(promises.agreed), 0) as agreed,
        coalesce(sum(promises.sold), 0) as sold
    from leads
    left join calls on calls.lead_id = leads.lead_id
    left join promises on promises.lead_id = leads.lead_id
    group by leads.campaign_id
    order by leads.campaign_id
    """
)
names = list(STEPS)
whole = by_campaign.select(names).sum().transpose(include_header=True, column_names=["leads"])
whole = whole.rename({"column": "step"}).with_columns(
    (pl.col("leads") / pl.col("leads").shift(1)).alias("of_previous"),
    (pl.col("leads") / pl.col("leads").first()).alias("of_first"),
    (pl.col("leads").shift(1) - pl.col("leads")).alias("lost"),
)
rows(whole)

# %%
drawn = whole.with_columns(pl.col("step").replace(STEPS))
base = alt.Chart(drawn).encode(y=alt.Y("step:N", title=None, sort=list(STEPS.values())))
bars = base.mark_bar(height={"band": 0.8}).encode(
    x=alt.X("leads:Q", title="leads 线索", axis=alt.Axis(format=",d"))
)
labels = (
    base.mark_text(align="left", dx=5)
    .encode(x="leads:Q", text="label:N")
    .transform_calculate(
        label="format(datum.leads, ',')"
        " + (datum.of_previous == null ? '' :"
        " ' · ' + format(datum.of_previous, '.1%') + ' of the step before, '"
        " + format(datum.of_first, '.1%') + ' of all')"
    )
)
show(
    titled(
        (bars + labels).properties(height=alt.Step(34), width=480),
        "From the list to a sale",
        "从名单到成交",
        "leads that came to each step at least once",
    ),
    "funnel_whole",
)

# %% [markdown]
# ## Step by step, by campaign · 各活动逐步转化
#
# Each dot is the share of the step before; the line is its 95 % interval (Wilson).
# Where intervals overlap widely the campaigns do not differ by anything that can be seen here.

# %%
pairs = list(zip(names, names[1:]))
steps = pl.concat(
    by_campaign.filter(pl.col("leads") > 0).select(
        "campaign_id",
        pl.lit(f"{STEPS[after]}").alias("step"),
        pl.col(before).alias("came"),
        pl.col(after).alias("went_on"),
    )
    for before, after in pairs[1:]
)
steps = shares(steps, "went_on", "came")
base = alt.Chart().encode(
    y=alt.Y("campaign_id:N", title=None),
    color=alt.Color("campaign_id:N", legend=None),
)
show(
    titled(
        alt.layer(
            base.mark_rule(strokeWidth=2).encode(
                x=alt.X(
                    "low:Q",
                    title=None,
                    axis=alt.Axis(format="%", tickCount=5),
                    scale=alt.Scale(zero=False),
                ),
                x2="high:Q",
            ),
            base.mark_point(filled=True, size=70).encode(x="share:Q"),
            data=steps,
        )
        .properties(width=210, height=alt.Step(20))
        .facet(
            facet=alt.Facet("step:N", title=None, sort=[STEPS[after] for _, after in pairs[1:]]),
            columns=3,
        )
        .resolve_scale(x="independent"),
        "Share of the step before, by campaign",
        "各活动逐步转化率",
        "with 95 % intervals; each panel has its own scale",
    ),
    "funnel_campaigns",
)

# %% [markdown]
# ## What a further dial brings · 再次拨打的效果

# %%
tries = ledger.ask(
    """
    select
        attempt_number,
        count(*) as dials,
        count(*) filter (where is_contact) as contacts,
        count(*) filter (where level in ('A', 'B')) as interested
    from attempts
    where is_over
    group by attempt_number
    order by attempt_number
    """
)
per_dial = pl.concat(
    shares(tries.with_columns(pl.lit(label).alias("what")), column, "dials")
    for column, label in {
        "contacts": "a person answers 真人接通",
        "interested": "level A or B 有意向",
    }.items()
)
base = alt.Chart(per_dial).encode(
    x=alt.X("attempt_number:O", title="dial number 第几次拨打", axis=alt.Axis(labelAngle=0)),
    color=alt.Color("what:N", title=None),
)
rates = (
    base.mark_line().encode(y=alt.Y("share:Q", axis=alt.Axis(format="%"), title="share of dials"))
    + base.mark_rule(strokeWidth=2).encode(y="low:Q", y2="high:Q")
    + base.mark_point(filled=True, size=60).encode(y="share:Q")
)
amount = (
    alt.Chart(tries)
    .mark_bar(color="#BBBBBB")
    .encode(
        x=alt.X("attempt_number:O", title="dial number 第几次拨打", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("dials:Q", title="dials 呼叫量"),
    )
)
show(
    titled(
        rates.properties(width=300, height=240) | amount.properties(width=180, height=240),
        "What a further dial brings",
        "再次拨打的效果",
        "shares with 95 % intervals",
    ),
    "funnel_attempts",
)

# %% [markdown]
# ## Through the script · 话术各阶段
#
# Conversations of the robot: how many came to a stage, and in which one they ended.
# A conversation that ended in `farewell` was taken to its end.

# %%
STAGES = ["hook", "pitch", "question", "close", "transfer", "farewell"]
came = ledger.ask(
    """
    select turns.stage, count(distinct turns.call_id) as came
    from turns
    join attempts on attempts.call_id = turns.call_id
    where attempts.is_contact and attempts.handler_kind = 'robot' and turns.stage is not null
    group by turns.stage
    """
)
ended = ledger.ask(
    """
    select
        stage,
        count(*) as ended,
        count(*) filter (where hung_up_by = 'customer') as hung_up,
        count(*) filter (where is_opted_out) as opted_out
    from attempts
    where is_contact and handler_kind = 'robot' and stage is not null
    group by stage
    """
)
stages = came.join(ended, on="stage", how="left").fill_null(0)
stages = stages.with_columns(
    pl.col("stage").replace_strict({s: n for n, s in enumerate(STAGES)}, default=99).alias("place")
).sort("place")
rows(stages.drop("place"))
outcome = (
    stages.with_columns(
        (pl.col("came") - pl.col("hung_up")).alias("went on 继续"),
        pl.col("hung_up").alias("customer hung up here 在此挂断"),
    )
    .unpivot(
        on=["went on 继续", "customer hung up here 在此挂断"],
        index=["stage", "came", "hung_up"],
        variable_name="what",
        value_name="calls",
    )
    .with_columns((pl.col("hung_up") / pl.col("came")).alias("share"))
)
order = stages["stage"].to_list()
bars = (
    alt.Chart(outcome)
    .mark_bar()
    .encode(
        x=alt.X("calls:Q", title="conversations 通话", axis=alt.Axis(format=",d", tickCount=6)),
        y=alt.Y("stage:N", title=None, sort=order),
        color=alt.Color(
            "what:N",
            title=None,
            sort="descending",
            scale=alt.Scale(range=["#0072B2", "#D55E00"]),
            legend=alt.Legend(orient="bottom"),
        ),
        order=alt.Order("what:N", sort="descending"),
    )
)
labels = (
    alt.Chart(stages)
    .mark_text(align="left", dx=5)
    .encode(x="came:Q", y=alt.Y("stage:N", sort=order), text="label:N")
    .transform_calculate(
        label="format(datum.came, ',') + ', ' + format(datum.hung_up / datum.came, '.1%') + ' hang up'"
    )
)
show(
    titled(
        (bars + labels).properties(height=alt.Step(30), width=480),
        "Through the script",
        "话术各阶段",
        "conversations of the robot that came to a stage, and those the customer left there",
    ),
    "funnel_script",
)

# %% [markdown]
# ## What holds customers back · 异议
#
# How many calls heard each objection, and how many of these still ended in an agreement.

# %%
objections = shares(ledger.saved("objections"), "committed", "calls").sort("calls", descending=True)
rows(objections.select("objection", "times", "calls", "committed", "share", "low", "high"))
sort = objections["objection"].to_list()
calls = (
    alt.Chart(objections)
    .mark_bar()
    .encode(
        x=alt.X("calls:Q", title="calls 通话"), y=alt.Y("objection:N", title=None, sort=sort)
    )
)
base = alt.Chart(objections).encode(y=alt.Y("objection:N", title=None, sort=sort, axis=None))
agreed = base.mark_rule(strokeWidth=2, color="#009E73").encode(
    x=alt.X("low:Q", title="still agreed 仍同意", axis=alt.Axis(format="%")), x2="high:Q"
) + base.mark_point(filled=True, size=60, color="#009E73").encode(x="share:Q")
show(
    titled(
        calls.properties(width=320, height=alt.Step(24))
        | agreed.properties(width=220, height=alt.Step(24)),
        "What holds customers back",
        "客户异议",
        "left: calls in which it was heard; right: share that still agreed, with 95 % intervals",
    ),
    "funnel_objections",
)

# %% [markdown]
# ## Intention levels · 意向等级
#
# Leads by their latest level; the rule that sets a level is `level_rule` of `attempts`.

# %%
levels = pl.concat(
    ledger.saved("intention_levels", campaign_id=campaign).with_columns(
        pl.lit(campaign).alias("campaign_id")
    )
    for campaign in by_campaign.filter(pl.col("tried") > 0)["campaign_id"]
)
show(
    titled(
        alt.Chart(levels)
        .mark_bar()
        .encode(
            x=alt.X("sum(leads):Q", stack="normalize", title="leads 线索", axis=alt.Axis(format="%")),
            y=alt.Y("campaign_id:N", title=None),
            color=alt.Color(
                "level:N",
                title="level 等级",
                scale=alt.Scale(
                    domain=["A", "B", "C", "D", "E", "X"],
                    range=["#00441B", "#238B45", "#74C476", "#C7E9C0", "#D9D9D9", "#969696"],
                ),
            ),
        )
        .properties(height=alt.Step(34)),
        "Latest intention level",
        "最新意向等级",
        "of the leads that have one",
    ),
    "funnel_levels",
)
