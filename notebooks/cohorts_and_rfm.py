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
# # Cohorts and RFM · 同期群与RFM分群
#
# Who is reached how long after the list came, which customers are worth the next call, and which
# kinds of people agree.

# %%
import altair as alt
import polars as pl

import ledgerline
from ledgerline import rows, shares, show, titled

ledger = ledgerline.connect()

# %% [markdown]
# ## Cohorts: reached by day after the first dial · 首拨后累计触达
#
# Here a cohort is everybody who was dialled for the first time on one UTC day.
# A cell is the share of the cohort that a person had answered for by the end of that many days;
# cells that lie after the last call of the log are left blank, since nobody knows them yet.

# %%
firsts = ledger.ask(
    """
    with people as (
        select
            subject_id,
            min(started_at) as first_at,
            min(started_at) filter (where is_contact) as reached_at,
            min(started_at) filter (where is_committed) as agreed_at
        from attempts
        group by subject_id
    )
    select
        cast(first_at as date) as cohort,
        cast(reached_at as date) - cast(first_at as date) as days_to_reach,
        cast(agreed_at as date) - cast(first_at as date) as days_to_agree,
        count(*) as people
    from people
    group by 1, 2, 3
    """
)
last_day = ledger.ask("select cast(max(started_at) as date) as day from attempts").item()
DAYS_SHOWN = 10


def retention(column: str) -> pl.DataFrame:
    """The cumulative share of each cohort by days since its first dial."""
    sizes = firsts.group_by("cohort").agg(pl.col("people").sum().alias("size"))
    grid = sizes.join(pl.DataFrame({"day": range(DAYS_SHOWN + 1)}), how="cross").filter(
        pl.col("cohort") + pl.duration(days=pl.col("day")) <= pl.lit(last_day)
    )
    came = firsts.filter(pl.col(column).is_not_null()).group_by("cohort", column).agg(
        pl.col("people").sum()
    )
    return (
        grid.join(came, left_on=["cohort", "day"], right_on=["cohort", column], how="left")
        .sort("cohort", "day")
        .with_columns(pl.col("people").fill_null(0).cum_sum().over("cohort").alias("came"))
        .with_columns(
            (pl.col("came") / pl.col("size")).alias("share"),
            pl.format(
                "{} ({})", pl.col("cohort").dt.strftime("%m-%d %a"), pl.col("size")
            ).alias("label"),
        )
    )


# Small cohorts swing by chance alone.
COHORT_MIN = 30


def cohort_map(column: str, english: str, chinese: str, scheme: str):
    cells = retention(column).filter(pl.col("size") >= COHORT_MIN)
    middle = (cells["share"].min() + cells["share"].max()) / 2
    base = alt.Chart(cells).encode(
        x=alt.X("day:O", title="days after the first dial 首拨后天数", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("label:O", title=None),
    )
    heat = base.mark_rect().encode(
        color=alt.Color(
            "share:Q",
            title=None,
            scale=alt.Scale(scheme=scheme, zero=False),
            legend=None,
        )
    )
    text = base.mark_text(fontSize=9).encode(
        text=alt.Text("share:Q", format=".1%" if column == "days_to_agree" else ".0%"),
        color=alt.condition(
            alt.datum.share > middle, alt.value("white"), alt.value("#222222")
        ),
    )
    return titled(
        (heat + text).properties(width=340, height=alt.Step(22)), english, chinese,
        f"cohort by UTC day of the first dial (people), {COHORT_MIN} or more",
    )


show(
    alt.hconcat(
        cohort_map("days_to_reach", "Reached by then", "累计接通率", "blues"),
        cohort_map("days_to_agree", "Agreed by then", "累计同意率", "greens"),
    ).resolve_scale(color="independent"),
    "cohorts_reached",
)

# %% [markdown]
# ## Lead cohorts: what became of the leads of a week · 线索同期群
#
# Here a cohort is every lead that came in during one week, dialled or not, and weeks are counted
# from the moment each lead came in. The view `strategic.cohorts_weekly` counts a lead once for
# each step, in the week it first took it, so the pieces of a bar add up to a share of the cohort.

# %%
weekly = ledger.ask(
    """
    select
        cast(week as date) as cohort,
        weeks_since,
        sum(leads) as leads,
        sum(dialled) as dialled,
        sum(reached) as reached,
        sum(interested) as interested,
        sum(appointments) as appointments,
        sum(converted) as converted
    from strategic.cohorts_weekly
    group by 1, 2
    """
)
STEPS = {
    "dialled": "dialled 拨打",
    "reached": "reached 接通",
    "interested": "interested 意向",
    "appointments": "appointment 约访",
    "converted": "sale 成交",
}
sizes = weekly.group_by("cohort").agg(pl.col("leads").sum().alias("size"))
# The newest ones that are big enough to say anything.
shown = sizes.filter(pl.col("size") >= COHORT_MIN).sort("cohort").tail(4)
steps = (
    weekly.join(shown, on="cohort")
    .unpivot(
        on=list(STEPS), index=["cohort", "size", "weeks_since"], variable_name="step",
        value_name="count",
    )
    .filter(pl.col("count") > 0)
    .with_columns(
        (pl.col("count") / pl.col("size")).alias("share"),
        pl.col("step").replace_strict(STEPS),
        pl.format("{} ({})", pl.col("cohort").dt.strftime("%m-%d"), pl.col("size")).alias("label"),
    )
)
bars = (
    alt.Chart(steps)
    .mark_bar()
    .encode(
        x=alt.X("share:Q", title="share of the cohort 占比", axis=alt.Axis(format="%")),
        y=alt.Y("step:N", title=None, sort=list(STEPS.values())),
        color=alt.Color(
            "weeks_since:O", title="week 第几周", scale=alt.Scale(scheme="viridis", reverse=True)
        ),
        order=alt.Order("weeks_since:Q"),
        row=alt.Row("label:N", title=None, header=alt.Header(labelOrient="top", labelAnchor="start")),
    )
    .properties(width=420, height=alt.Step(18))
)
show(
    titled(
        bars, "Lead cohorts by week", "线索周同期群",
        f"week the leads came in (leads), {COHORT_MIN} or more; colour: weeks since then",
    ),
    "cohorts_weekly",
)

# %% [markdown]
# ## RFM: whom to call next · RFM分群
#
# Shops score customers by how recently, how often and for how much they bought.
# Nobody buys here twice a week, and most people are reached once, so the three read:
#
# | | here | score |
# | --- | --- | --- |
# | R recency 最近一次 | days since a person last answered | fifths of the people reached, 5 is most recent |
# | F frequency 互动 | seconds of conversation over all calls | fifths, 5 is longest |
# | M money 价值 | customer value of the list | fifths, 5 is highest |
#
# Whoever agreed or asked not to be called is set apart first: no score makes them somebody to call.

# %%
people = ledger.ask(
    """
    with
    calls as (
        select
            subject_id,
            count(*) as dials,
            count(*) filter (where is_contact) as contacts,
            max(started_at) filter (where is_contact) as last_contact_at,
            coalesce(sum(talk_ms) filter (where is_contact), 0) / 1000.0 as talk_s,
            max(case when level in ('A', 'B') then 1 else 0 end) as interested,
            max(case when is_committed then 1 else 0 end) as agreed,
            max(case when is_opted_out then 1 else 0 end) as opted_out
        from attempts
        group by subject_id
    ),
    lists as (
        select
            subject_id,
            max(value_ppm) as value_ppm,
            min(portrait) as portrait
        from leads
        group by subject_id
    ),
    sales as (
        select distinct leads.subject_id
        from commitments
        join leads on leads.lead_id = commitments.lead_id
        where commitments.kind = 'sale'
    )
    select
        calls.*,
        lists.value_ppm,
        lists.portrait,
        sales.subject_id is not null as sold
    from calls
    join lists on lists.subject_id = calls.subject_id
    left join sales on sales.subject_id = calls.subject_id
    """
)
now = people["last_contact_at"].max()
people = people.with_columns(
    ((now - pl.col("last_contact_at")).dt.total_seconds() / 86_400).alias("days_since")
)


def fifths(column: str, descending: bool = False) -> pl.Expr:
    """1 to 5 by rank; equal values share the same score."""
    rank = pl.col(column).rank("average", descending=descending)
    return ((rank - 1) * 5 / pl.len()).floor().cast(pl.Int64).clip(0, 4) + 1


reached = people.filter(pl.col("contacts") > 0).with_columns(
    fifths("days_since", descending=True).alias("R"),
    fifths("talk_s").alias("F"),
    fifths("value_ppm").alias("M"),
)
SEGMENTS = [
    # name, who, what to do
    ("never call 勿拨", pl.col("opted_out") == 1, "none: on the do-not-call list"),
    ("sold 成交", pl.col("sold"), "hand over to service"),
    ("agreed 已约", pl.col("agreed") == 1, "confirm the meeting"),
    (
        "hot 热客",
        (pl.col("interested") == 1) & (pl.col("R") >= 4),
        "agent calls today",
    ),
    (
        "cooling 降温",
        pl.col("interested") == 1,
        "call before the interest is gone",
    ),
    (
        "valuable, short talk 高价值浅聊",
        (pl.col("M") >= 4) & (pl.col("F") <= 2),
        "another hour, an agent first",
    ),
    ("talked, not taken 长聊未动", pl.col("F") >= 4, "answer the objection, by message"),
    ("the rest 其余", pl.lit(True), "leave it to the robot's retries"),
]
segment = pl.lit(None, dtype=pl.String)
for name, who, _ in reversed(SEGMENTS):
    segment = pl.when(who).then(pl.lit(name)).otherwise(segment)
reached = reached.with_columns(segment.alias("segment"))
todo = {name: action for name, _, action in SEGMENTS}
table = (
    reached.group_by("segment")
    .agg(
        pl.len().alias("people"),
        (pl.col("value_ppm").mean() / 1e6).alias("value"),
        pl.col("days_since").median().alias("days since"),
        pl.col("talk_s").median().alias("talk s"),
        pl.col("dials").mean().alias("dials"),
    )
    .with_columns(pl.col("segment").replace(todo).alias("next step"))
    .sort(pl.col("segment").replace_strict({name: n for n, name in enumerate(todo)}))
)
rows(table)

# %%
grid = (
    reached.with_columns((pl.col("agreed") == 1).cast(pl.Int64).alias("yes"))
    .group_by("R", "F")
    .agg(pl.len().alias("people"), pl.col("yes").sum())
    .with_columns((pl.col("yes") / pl.col("people")).alias("share"))
)
base = alt.Chart(grid).encode(
    x=alt.X("F:O", title="F: conversation, short to long 互动", axis=alt.Axis(labelAngle=0)),
    y=alt.Y("R:O", title="R: last contact, recent at the top 最近", sort="descending"),
)
heat = base.mark_rect().encode(
    color=alt.Color(
        "share:Q", title="agreed", scale=alt.Scale(scheme="greens"), legend=alt.Legend(format="%")
    )
)
text = base.mark_text(fontSize=10).encode(
    text=alt.Text("people:Q", format=","),
    color=alt.condition(
        alt.datum.share > grid["share"].max() * 0.6, alt.value("white"), alt.value("#222222")
    ),
)
sizes = alt.Chart(table).encode(
    y=alt.Y("segment:N", title=None, sort=list(todo)),
)
bars = sizes.mark_bar().encode(
    x=alt.X("people:Q", title="people 人数"),
    color=alt.Color(
        "value:Q",
        title="mean value",
        scale=alt.Scale(scheme="oranges", domain=[0, 1]),
        legend=alt.Legend(format=".1f"),
    ),
)
counts = sizes.mark_text(align="left", dx=4).encode(
    x="people:Q", text=alt.Text("people:Q", format=",")
)
show(
    alt.hconcat(
        titled(
            (heat + text).properties(width=260, height=260),
            "R by F",
            "最近与互动",
            "number: people; colour: share that agreed",
        ),
        titled((bars + counts).properties(width=260, height=alt.Step(30)), "Segments", "分群"),
    ).resolve_scale(color="independent"),
    "rfm_segments",
)

# %% [markdown]
# Long talks and agreements come together because an agreement takes time to make: F explains
# nobody's decision, it only says where the talk went.

# %% [markdown]
# ## Who agrees · 哪些人会同意
#
# By what the list says of people. Intervals are 95 %; of twenty groups that do not differ, one
# still shows an interval beside the mean (the line), so look for groups that stand well apart.

# %%
PORTRAIT = {
    "job": "job 职业",
    "industry": "industry 行业",
    "region": "region 地区",
    "contact_type": "phone 电话类型",
    "previous_outcome": "earlier campaign 上次结果",
}
GROUP_MIN = 40
known = reached.with_columns(
    pl.col("portrait").str.json_decode(
        dtype=pl.Struct({name: pl.String for name in PORTRAIT})
    )
).unnest("portrait")
groups = pl.concat(
    known.group_by(pl.col(name).fill_null("unknown").alias("group"))
    .agg(pl.len().alias("people"), (pl.col("agreed") == 1).sum().alias("yes"))
    .with_columns(pl.lit(label).alias("what"))
    for name, label in PORTRAIT.items()
).filter(pl.col("people") >= GROUP_MIN)
groups = shares(groups, "yes", "people").with_columns(
    pl.format("{} ({})", "group", "people").alias("label")
)
mean = (reached["agreed"] == 1).sum() / len(reached)
scale = alt.Scale(domain=[0, max(0.05, groups["high"].max())], nice=True)


def panel(label: str):
    part = groups.filter(pl.col("what") == label).sort("share", descending=True)
    y = alt.Y("label:N", title=None, sort=part["label"].to_list(), axis=alt.Axis(minExtent=150))
    base = alt.Chart(part).encode(y=y)
    x = alt.X("low:Q", title=None, axis=alt.Axis(format="%", tickCount=4), scale=scale)
    return alt.layer(
        alt.Chart(part).mark_rule(color="#999999", strokeDash=[4, 3]).encode(x=alt.datum(mean)),
        base.mark_rule(strokeWidth=2, color="#0072B2").encode(x=x, x2="high:Q"),
        base.mark_point(size=60).encode(x="share:Q"),
    ).properties(width=230, height=alt.Step(17), title=alt.TitleParams(label, fontSize=12))


def column(*names: str):
    return alt.vconcat(*(panel(PORTRAIT[name]) for name in names))


show(
    titled(
        column("job", "contact_type", "previous_outcome", "industry") | column("region"),
        "Share of people reached that agreed",
        "接通客户同意率",
        "with 95 % intervals; dashed: all; in brackets: people",
    ),
    "rfm_who_agrees",
)
