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
# # Operations · 运营
#
# How the floor runs: volume, hours, agents, lines, and how late the facts come.
# Every figure is as of one position of the log, printed below.

# %%
import altair as alt
import polars as pl

import ledgerline
from ledgerline import WEEKDAYS, rows, show, titled

ledger = ledgerline.connect()

# %%
# Local time less UTC, in hours, by the language a campaign speaks. Edit for your sites.
UTC_OFFSET_HOURS = {"en": -5, "zh": 8}
# Cells with fewer dials say nothing about a rate.
DIALS_MIN = 20
HOUR_OF_DAY = alt.X(
    "hour:O",
    title="hour, UTC",
    axis=alt.Axis(labelAngle=0),
    scale=alt.Scale(domain=list(range(24))),
)

span = ledger.ask("select min(started_at) as first, max(started_at) as last from attempts")
first, last = span.row(0)
days = (last.date() - first.date()).days + 1
print(f"Calls from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC, {days} days.")

# %% [markdown]
# ## Key figures · 关键指标
#
# Each is a saved question of `queries/kpi/`: the formula stands there and nowhere else.
# The value comes last; what it is made of stands before it.

# %%
KPIS = {
    "kpi_connect_rate": "Connect rate 接通率",
    "kpi_contact_rate": "Contact rate 真人接通率",
    "kpi_silent_call_rate": "Silent calls 静默呼叫率",
    "kpi_interested_share": "Interested 意向客户占比",
    "kpi_acd": "Talk per answered call 平均通话时长",
    "kpi_aht": "Handling time 平均处理时长",
    "kpi_occupancy": "Occupancy 坐席占用率",
    "kpi_utilisation": "Utilisation 坐席利用率",
    "kpi_list_penetration": "List penetration 名单触达率",
}


def readable(column: str, value: int | None) -> str:
    if value is None:
        return "–"
    if column.endswith("_ppm"):
        return f"{value / 10_000:.1f} %"
    if column.endswith("_ms"):
        return f"{value / 1_000:.1f} s"
    return f"{value:,}"


figures = []
for name, label in KPIS.items():
    answer = ledger.saved(name)
    *parts, value = zip(answer.columns, answer.row(0))
    counted = [(column, part) for column, part in parts if not isinstance(part, str)]
    made_of = ", ".join(f"{column} {readable(column, part)}" for column, part in counted)
    figures.append({"KPI": label, "value": readable(*value), "made of": made_of})
rows(pl.DataFrame(figures))

# %% [markdown]
# ## How dials end, by day · 每日呼叫结果

# %%
ENDINGS = {
    "contacts": "person 真人",
    "machines": "machine 语音信箱",
    "no_answer": "no answer 无人接听",
    "busy": "busy 忙线",
    "rejected": "rejected 拒接",
    "unreachable": "unreachable 空号关机",
    "failed": "line failed 线路故障",
}
by_day = ledger.ask(
    """
    select
        date_trunc('day', hour) as day,
        sum(contacts) as contacts,
        sum(machines) as machines,
        sum(no_answer) as no_answer,
        sum(busy) as busy,
        sum(rejected) as rejected,
        sum(unreachable) as unreachable,
        sum(failed) as failed
    from operational.calls_hourly
    group by 1
    order by 1
    """
)
endings = by_day.unpivot(index="day", variable_name="ending", value_name="dials").with_columns(
    pl.col("day").dt.strftime("%m-%d %a"),
    pl.col("ending").replace_strict(list(ENDINGS), list(range(len(ENDINGS)))).alias("place"),
    pl.col("ending").replace(ENDINGS),
)
show(
    titled(
        alt.Chart(endings)
        .mark_bar()
        .encode(
            x=alt.X("day:O", title=None, axis=alt.Axis(labelAngle=-35)),
            y=alt.Y("dials:Q", title="dials 呼叫量"),
            color=alt.Color("ending:N", title=None, sort=list(ENDINGS.values())),
            order="place:Q",
        ),
        "How dials end",
        "每日呼叫结果",
        "by UTC day of the dial",
    ),
    "operations_days",
)

# %% [markdown]
# ## Weekday and hour · 星期与小时
#
# By the customer's local time. A rate is shown only where there were enough dials.

# %%
by_hour = ledger.ask(
    """
    select c.language, h.hour, sum(h.attempts) as dials, sum(h.contacts) as contacts
    from operational.calls_hourly h
    join campaigns c on c.campaign_id = h.campaign_id
    group by 1, 2
    """
)
local = (
    by_hour.with_columns(
        (
            pl.col("hour").dt.replace_time_zone(None)
            + pl.duration(
                hours=pl.col("language").replace_strict(
                    UTC_OFFSET_HOURS, default=0, return_dtype=pl.Int64
                )
            )
        ).alias("local")
    )
    .with_columns(
        pl.col("local").dt.weekday().alias("number"), pl.col("local").dt.hour().alias("hour")
    )
    .group_by("number", "hour")
    .agg(pl.col("dials").sum(), pl.col("contacts").sum())
    .with_columns(
        pl.col("number").replace_strict(dict(enumerate(WEEKDAYS, 1))).alias("weekday"),
        pl.when(pl.col("dials") >= DIALS_MIN)
        .then(pl.col("contacts") / pl.col("dials"))
        .alias("contact_rate"),
    )
)
cells = alt.Chart(local).encode(
    x=alt.X("hour:O", title="local hour 当地时间", axis=alt.Axis(labelAngle=0)),
    y=alt.Y("weekday:O", title=None, sort=WEEKDAYS),
)
size = {"width": 300, "height": 210}
volume = cells.mark_rect().encode(
    color=alt.Color("dials:Q", title="dials", scale=alt.Scale(scheme="blues"))
)
rate = cells.mark_rect().encode(
    color=alt.Color(
        "contact_rate:Q",
        title="contact rate",
        scale=alt.Scale(scheme="viridis", zero=False),
        legend=alt.Legend(format="%"),
    )
).transform_filter("isValid(datum.contact_rate)")
show(
    alt.hconcat(
        titled(volume.properties(**size), "Dials", "呼叫量"),
        titled(rate.properties(**size), "Contact rate", "真人接通率", f"{DIALS_MIN} dials or more"),
    ).resolve_scale(color="independent"),
    "operations_hours",
)

# %%
best = local.filter(pl.col("contact_rate").is_not_null()).sort("contact_rate", descending=True)
best = ledgerline.shares(best, "contacts", "dials")
print("The best and the worst hours, with 95 % intervals:")
rows(
    pl.concat([best.head(4), best.tail(4)]).select(
        "weekday", "hour", "dials", "contacts", "share", "low", "high"
    )
)

# %% [markdown]
# ## Agents · 坐席
#
# Shares of the time an agent was signed in; a break is no waiting time, so occupancy leaves it out.

# %%
STATES = {
    "talking_ms": "talking 通话",
    "wrap_up_ms": "wrap-up 话后",
    "ringing_ms": "ringing 振铃",
    "available_ms": "available 空闲",
    "break_ms": "break 小休",
}
agents = ledger.saved("agent_occupancy")
signed_in = sum(pl.col(state) for state in STATES)
of_time = (
    agents.with_columns(signed_in.alias("signed_in_ms"))
    .unpivot(
        on=list(STATES),
        index=["agent_id", "signed_in_ms", "occupancy_ppm"],
        variable_name="state",
        value_name="ms",
    )
    .with_columns(
        (pl.col("ms") / pl.col("signed_in_ms")).alias("share"),
        pl.col("state").replace_strict(list(STATES), list(range(len(STATES)))).alias("place"),
        pl.col("state").replace(STATES),
    )
)
order = agents.sort("occupancy_ppm", descending=True)["agent_id"].to_list()
state_colour = alt.Color(
    "state:N",
    title=None,
    sort=list(STATES.values()),
    scale=alt.Scale(range=["#0072B2", "#56B4E9", "#E69F00", "#D9D9D9", "#F0E2C4"]),
)
bars = (
    alt.Chart(of_time)
    .mark_bar()
    .encode(
        x=alt.X(
            "share:Q",
            title="share of signed-in time 登录时长占比",
            axis=alt.Axis(format="%"),
            scale=alt.Scale(domain=[0, 1]),
        ),
        y=alt.Y("agent_id:N", title=None, sort=order),
        color=state_colour.legend(orient="bottom"),
        order="place:Q",
    )
)
labels = (
    alt.Chart(agents)
    .mark_text(align="left", dx=4)
    .encode(
        x=alt.datum(1),
        y=alt.Y("agent_id:N", sort=order),
        text=alt.Text("label:N"),
    )
    .transform_calculate(
        label="format(datum.occupancy_ppm / 1e6, '.1%') + '  ' + format(datum.talks, ',') + ' calls'"
    )
)
show(
    titled(
        (bars + labels).properties(height=alt.Step(22), width=520),
        "Where agents' time goes",
        "坐席时间分布",
        "at the right: occupancy (talking and wrap-up over the same and waiting), calls taken",
    ),
    "operations_agents",
)

# %% [markdown]
# ## Staffing by hour · 各时段在岗人数
#
# How many agents were in a state on average, over all days of the span.

# %%
by_hour_of_day = ledger.ask(
    """
    select
        cast(date_part('hour', hour) as int) as hour,
        sum(talking_ms) as talking_ms,
        sum(wrap_up_ms) as wrap_up_ms,
        sum(ringing_ms) as ringing_ms,
        sum(available_ms) as available_ms,
        sum(break_ms) as break_ms
    from operational.agents_hourly
    group by 1
    order by 1
    """
)
staffing = by_hour_of_day.unpivot(
    index="hour", variable_name="state", value_name="ms"
).with_columns(
    (pl.col("ms") / 3_600_000 / days).alias("agents"),
    pl.col("state").replace_strict(list(STATES), list(range(len(STATES)))).alias("place"),
    pl.col("state").replace(STATES),
)
show(
    titled(
        alt.Chart(staffing)
        .mark_bar()
        .encode(
            x=HOUR_OF_DAY,
            y=alt.Y("agents:Q", title="agents on average 平均人数"),
            color=state_colour,
            order="place:Q",
        )
        .properties(width=alt.Step(26)),
        "Agents by hour of the day",
        "各时段在岗人数",
    ),
    "operations_staffing",
)

# %% [markdown]
# ## Channels in use · 线路占用
#
# Reconstructed from the legs: how many were up at once on each carrier, in each hour.

# %%
legs = ledger.ask(
    """
    select carrier_id, started_at as at, 1 as step from legs
    where party = 'customer' and ended_at is not null
    union all
    select carrier_id, ended_at as at, -1 as step from legs
    where party = 'customer' and ended_at is not null
    """
)
# An end at the same moment as a start comes first: the channel is free again.
busy = (
    legs.sort("carrier_id", "at", "step")
    .with_columns(pl.col("step").cum_sum().over("carrier_id").alias("channels"))
    .group_by("carrier_id", pl.col("at").dt.hour().alias("hour"))
    .agg(
        pl.col("channels").max().alias("peak"),
        pl.col("channels").quantile(0.95).alias("p95"),
    )
    .sort("carrier_id", "hour")
)
base = alt.Chart().encode(x=HOUR_OF_DAY)
bars = base.mark_bar().encode(y=alt.Y("peak:Q", title="channels at once 并发线路"))
ticks = base.mark_tick(color="#E69F00", thickness=3, width=18).encode(y="p95:Q")
show(
    titled(
        alt.layer(bars, ticks, data=busy)
        .properties(height=110, width=alt.Step(26))
        .facet(row=alt.Row("carrier_id:N", title=None, header=alt.Header(labelAngle=0, labelOrient="top"))),
        "Channels at once",
        "并发线路",
        "bar: the most in any such hour; tick: 95th percentile at the moments of change",
    ),
    "operations_channels",
)

# %% [markdown]
# ## How late facts are recorded · 事件延迟
#
# A fact is counted where it happened, however late the log took it.
# Who compares a day's figures before they stand still will see them move: this says for how long.

# %%
late = ledger.ask(
    """
    with waits as (
        select
            type,
            (cast(cast(recorded_at as timestamp) as bigint)
                - cast(cast(occurred_at as timestamp) as bigint)) / 1000000000.0 as seconds
        from events
    )
    select
        case
            when seconds < 1 then '0 below 1 s'
            when seconds < 10 then '1 to 10 s'
            when seconds < 60 then '2 to 1 min'
            when seconds < 3600 then '3 to 1 h'
            when seconds < 86400 then '4 to 1 day'
            else '5 longer'
        end as wait,
        count(*) as events
    from waits
    group by 1
    order by 1
    """
)
late = late.with_columns(
    pl.col("wait").str.slice(2),
    (pl.col("events") / pl.col("events").sum()).alias("share"),
)
base = alt.Chart(late).encode(y=alt.Y("wait:N", title=None, sort=late["wait"].to_list()))
show(
    titled(
        (
            base.mark_bar().encode(
                x=alt.X("events:Q", title="events 事件数", scale=alt.Scale(type="symlog", constant=10))
            )
            + base.mark_text(align="left", dx=4)
            .encode(x="events:Q", text="label:N")
            .transform_calculate(
                label="format(datum.events, ',') + '  (' + format(datum.share, '.3%') + ')'"
            )
        ).properties(height=alt.Step(26)),
        "From happening to the log",
        "从发生到入账的延迟",
        "logarithmic scale",
    ),
    "operations_lateness",
)
