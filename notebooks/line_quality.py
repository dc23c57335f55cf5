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
# # Line quality · 线路质量
#
# Which carrier answers, how fast, how clean, and whether a difference is more than chance.
# Ratios are those of ITU-T E.411 over seizures: customer legs, one for each carrier tried.

# %%
import altair as alt
import polars as pl

import intervals
import ledgerline
from ledgerline import rows, shares, show, titled

ledger = ledgerline.connect()

# %% [markdown]
# ## Answered and delivered · 接通率与网络有效率
#
# ASR counts what was answered; NER also counts what was the customer's own doing (busy, no answer,
# rejected), so a low NER is the carrier's fault and a low ASR alone is not.

# %%
carriers = ledger.ask("select distinct carrier_id from legs where party = 'customer' order by 1")
carriers = carriers["carrier_id"].to_list()
ratios = pl.concat(
    ledger.saved(name, carrier_id=carrier).select(
        pl.lit(carrier).alias("carrier_id"),
        pl.lit(label).alias("ratio"),
        pl.col("seizures"),
        pl.sum_horizontal(counted).cast(pl.Int64).alias("good"),
    )
    for carrier in carriers
    for name, label, counted in [
        ("kpi_asr", "ASR 接通率", ["answered"]),
        ("kpi_ner", "NER 网络有效率", ["answered", "busy", "not_answered", "rejected"]),
    ]
)
ratios = shares(ratios, "good", "seizures")
rows(ratios)


# %%
def dots(frame: pl.DataFrame, label: str):
    y = alt.Y("carrier_id:N", title=None)
    base = alt.Chart(frame.filter(pl.col("ratio") == label)).encode(
        y=y, color=alt.Color("carrier_id:N", legend=None)
    )
    x = alt.X("low:Q", title=None, axis=alt.Axis(format=".1%", tickCount=5),
              scale=alt.Scale(zero=False))
    return (
        base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q")
        + base.mark_point(size=80).encode(x="share:Q")
        + base.mark_text(dy=-11, fontSize=10).encode(
            x="share:Q", text=alt.Text("share:Q", format=".1%")
        )
    ).properties(width=280, height=alt.Step(40), title=alt.TitleParams(label, fontSize=12))


show(
    titled(
        dots(ratios, "ASR 接通率") | dots(ratios, "NER 网络有效率"),
        "Answered and delivered, by carrier",
        "各线路接通与有效率",
        "with 95 % intervals; scales do not begin at zero",
    ),
    "lines_ratios",
)

# %% [markdown]
# ### Is the difference real? · 差异是否显著
#
# Each carrier against all others together. The interval is that of a difference (Newcombe); the
# chance is how often equal carriers would look this different. With several carriers, believe a
# chance below 0.05 divided by their number.

# %%
compared = []
for carrier in carriers:
    for label in ratios["ratio"].unique(maintain_order=True):
        these = ratios.filter((pl.col("ratio") == label) & (pl.col("carrier_id") == carrier))
        others = ratios.filter((pl.col("ratio") == label) & (pl.col("carrier_id") != carrier))
        counts = (
            these["good"].sum(), these["seizures"].sum(),
            others["good"].sum(), others["seizures"].sum(),
        )
        apart, low, high = intervals.difference(*counts)
        chance = intervals.chance(*counts)
        compared.append({
            "carrier": carrier,
            "ratio": label,
            "difference": f"{apart:+.2%}",
            "interval": f"{low:+.2%} to {high:+.2%}",
            "chance": f"{chance:.3f}",
            "verdict": "differs" if chance < 0.05 / len(carriers) else "no difference to be seen",
        })
rows(pl.DataFrame(compared))

# %% [markdown]
# ## NER over time, with outages · 网络有效率走势与故障
#
# A control chart: the grey band is where three standard deviations around the carrier's own mean
# lie for that many seizures. What leaves it has a cause; the shaded spans are the outages the
# dialer noticed and took the carrier out for.

# %%
SEIZURES_MIN = 30
hourly = ledger.ask(
    """
    select
        hour,
        carrier_id,
        seizures,
        answered + user_busy + user_no_answer + user_rejected as delivered,
        answered
    from operational.carriers_hourly
    order by carrier_id, hour
    """
)
means = hourly.group_by("carrier_id").agg(
    (pl.col("delivered").sum() / pl.col("seizures").sum()).alias("mean")
)


def in_spans(hours: int) -> pl.DataFrame:
    """Counts of each carrier by spans of so many hours."""
    span = pl.col("hour").dt.truncate(f"{hours}h").alias("from_at")
    return hourly.group_by("carrier_id", span).agg(pl.col("seizures", "delivered").sum())


def is_enough(buckets: pl.DataFrame) -> bool:
    """Whether half of the spans of every carrier have enough seizures."""
    medians = buckets.group_by("carrier_id").agg(pl.col("seizures").median())
    return medians["seizures"].min() >= SEIZURES_MIN


# The shortest span that says something about every carrier.
BUCKET_HOURS = next((hours for hours in (1, 2, 4, 8) if is_enough(in_spans(hours))), 24)
buckets = in_spans(BUCKET_HOURS)
SEIZURES_MIN = min(SEIZURES_MIN, buckets["seizures"].max())
control = (
    buckets.filter(pl.col("seizures") >= SEIZURES_MIN)
    .join(means, on="carrier_id")
    .with_columns(
        (pl.col("delivered") / pl.col("seizures")).alias("ner"),
        (3 * (pl.col("mean") * (1 - pl.col("mean")) / pl.col("seizures")).sqrt()).alias("width"),
    )
    .with_columns(
        (pl.col("mean") - pl.col("width")).clip(0, 1).alias("floor"),
        (pl.col("mean") + pl.col("width")).clip(0, 1).alias("ceiling"),
    )
    .with_columns(
        (pl.col("ner") < pl.col("floor")).alias("is_out"),
        (pl.col("from_at") + pl.duration(hours=BUCKET_HOURS)).alias("until_at"),
        (pl.col("from_at") + pl.duration(hours=BUCKET_HOURS / 2)).alias("middle_at"),
    )
    .sort("carrier_id", "from_at")
)
print("Spans below the band:")
rows(
    control.filter("is_out").select(
        "carrier_id",
        pl.col("from_at").dt.strftime("%m-%d %H:%M"),
        "seizures",
        "delivered",
        "ner",
        "floor",
    )
)
outages = ledger.ask(
    """
    select carrier_id, from_at, until_at, duration_ms / 60000.0 as minutes, reason
    from carrier_states
    where state = 'down' and until_at is not null
    order by from_at
    """
)
rows(outages.with_columns(pl.col("from_at", "until_at").dt.strftime("%m-%d %H:%M")))

# %%
span = [control["from_at"].min(), control["until_at"].max()]
lowest = min(control["ner"].min(), control["floor"].min())
x = alt.X(
    "from_at:T",
    title=None,
    axis=alt.Axis(format="%m-%d", tickCount="day"),
    scale=alt.Scale(domain=[moment.isoformat() for moment in span], type="utc"),
)
y_scale = alt.Scale(domain=[lowest, 1], zero=False)


def control_chart(carrier: str):
    base = alt.Chart(control.filter(pl.col("carrier_id") == carrier))
    band = base.mark_rect(color="#DDDDDD").encode(
        x=x,
        x2="until_at:T",
        y=alt.Y("floor:Q", title="NER", axis=alt.Axis(format="%", tickCount=4), scale=y_scale),
        y2="ceiling:Q",
    )
    points = base.mark_point(size=26).encode(
        x="middle_at:T",
        y=alt.Y("ner:Q", scale=y_scale),
        color=alt.condition(alt.datum.is_out, alt.value("#D55E00"), alt.value("#0072B2")),
    )
    down = (
        alt.Chart(outages.filter(pl.col("carrier_id") == carrier, pl.col("from_at") < span[1]))
        .mark_rect(color="#D55E00", opacity=0.3, stroke="#D55E00", strokeWidth=0.8, clip=True)
        .encode(x="from_at:T", x2="until_at:T")
    )
    return alt.layer(band, down, points).properties(
        width=640, height=110, title=alt.TitleParams(carrier, fontSize=12)
    )


show(
    titled(
        alt.vconcat(*(control_chart(carrier) for carrier in carriers)),
        "Network effectiveness over time",
        "网络有效率走势",
        f"{BUCKET_HOURS} hours a point, {SEIZURES_MIN} seizures or more; "
        "grey: three standard deviations; red: outages",
    ),
    "lines_control",
)

# %% [markdown]
# ## Post-dial delay · 拨号后延迟
#
# From the INVITE to the first 18x. The curve says which share of calls had at most that delay;
# percentiles are by nearest rank, their intervals by the ranks around them.

# %%
delays = ledger.ask(
    """
    select carrier_id, pdd_ms
    from legs
    where party = 'customer' and pdd_ms is not null
    """
)
table = []
for carrier in carriers:
    values = delays.filter(pl.col("carrier_id") == carrier)["pdd_ms"].to_list()
    if not values:
        continue
    row = {"carrier": carrier, "legs": len(values)}
    for share in (0.5, 0.95, 0.99):
        value, low, high = intervals.percentile(values, share)
        row[f"p{share * 100:.0f} ms"] = f"{value:,} ({low:,} to {high:,})"
    table.append(row)
rows(pl.DataFrame(table))
curve = (
    delays.sort("carrier_id", "pdd_ms")
    .with_columns(
        (pl.col("pdd_ms").rank("ordinal").over("carrier_id")
         / pl.len().over("carrier_id")).alias("share")
    )
    # A hundred points are enough for a curve.
    .with_columns((pl.col("share") * 200).ceil().alias("step"))
    .group_by("carrier_id", "step")
    .agg(pl.col("pdd_ms").max(), pl.col("share").max())
    .sort("carrier_id", "share")
)
lines = (
    alt.Chart(curve)
    .mark_line(interpolate="step-after")
    .encode(
        x=alt.X("pdd_ms:Q", title="post-dial delay, ms 拨号后延迟"),
        y=alt.Y("share:Q", title="share of calls", axis=alt.Axis(format="%")),
        color=alt.Color("carrier_id:N", title="carrier 线路"),
    )
)
marks = (
    alt.Chart(pl.DataFrame({"share": [0.5, 0.95]}))
    .mark_rule(strokeDash=[3, 3], color="#777777")
    .encode(y="share:Q")
)
show(
    titled(
        (lines + marks).properties(height=280),
        "Post-dial delay",
        "拨号后延迟",
        "share of calls with at most that delay; dashed: median and 95th percentile",
    ),
    "lines_pdd",
)

# %% [markdown]
# ## Loss and jitter · 丢包与抖动
#
# Of answered legs. A percent of loss is where people begin to ask for words again.

# %%
sound = ledger.ask(
    """
    select
        carrier_id,
        packets_lost * 1000000.0 / (packets_lost + packets_received) as loss_ppm,
        jitter_us / 1000.0 as jitter_ms
    from legs
    where party = 'customer' and is_answered and packets_received > 0
    """
)
LOSS = [("none", 0), ("to 0.1 %", 1_000), ("to 0.3 %", 3_000), ("to 1 %", 10_000), ("more", 1e9)]
band = pl.lit("more")
for name, edge in reversed(LOSS):
    band = pl.when(pl.col("loss_ppm") <= edge).then(pl.lit(name)).otherwise(band)
bands = (
    sound.with_columns(band.alias("loss"))
    .group_by("carrier_id", "loss")
    .len("legs")
    .with_columns(
        (pl.col("legs") / pl.col("legs").sum().over("carrier_id")).alias("share"),
        pl.col("loss").replace_strict({name: n for n, (name, _) in enumerate(LOSS)}).alias("place"),
    )
)
stacked = (
    alt.Chart(bands)
    .mark_bar()
    .encode(
        x=alt.X("share:Q", title="share of answered legs", axis=alt.Axis(format="%"),
                scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("carrier_id:N", title=None),
        color=alt.Color(
            "loss:N",
            title="packets lost 丢包",
            sort=[name for name, _ in LOSS],
            scale=alt.Scale(range=["#D9E8F5", "#9CC5E3", "#4F94CD", "#E69F00", "#D55E00"]),
        ),
        order="place:Q",
    )
    .properties(width=260, height=alt.Step(40))
)
jitter = (
    alt.Chart(sound)
    .mark_boxplot(extent="min-max", size=18)
    .encode(
        x=alt.X("jitter_ms:Q", title="jitter, ms 抖动"),
        y=alt.Y("carrier_id:N", title=None),
        color=alt.Color("carrier_id:N", legend=None),
    )
    .properties(width=260, height=alt.Step(40))
)
show(
    titled(
        (stacked | jitter).resolve_scale(color="independent"),
        "Loss and jitter of answered legs",
        "已接通呼叫的丢包与抖动",
        "right: median, quartiles, least and most",
    ),
    "lines_sound",
)

# %% [markdown]
# ## How calls fail · 失败原因
#
# By the final SIP status, of legs that were not answered.

# %%
STATUS = {
    404: "404 no such number 空号",
    480: "480 not available 无法接通",
    486: "486 busy 忙线",
    487: "487 rang out 无人接听",
    503: "503 no circuit 线路拥塞",
    603: "603 declined 拒接",
}
failures = ledger.ask(
    """
    select carrier_id, sip_status, count(*) as legs
    from legs
    where party = 'customer' and is_over and not is_answered
    group by 1, 2
    """
).with_columns(
    pl.col("sip_status")
    .replace_strict(STATUS, default=None, return_dtype=pl.String)
    .fill_null(pl.col("sip_status").cast(pl.String))
    .fill_null("no answer at all 线路无响应")
    .alias("status"),
    (pl.col("legs") / pl.col("legs").sum().over("carrier_id")).alias("share"),
)
base = alt.Chart(failures).encode(
    x=alt.X("carrier_id:N", title=None, axis=alt.Axis(labelAngle=0)),
    y=alt.Y("status:N", title=None),
)
middle = failures["share"].max() * 0.6
show(
    titled(
        (
            base.mark_rect().encode(
                color=alt.Color("share:Q", title="share", scale=alt.Scale(scheme="blues"),
                                legend=alt.Legend(format="%"))
            )
            + base.mark_text().encode(
                text="label:N",
                color=alt.condition(
                    alt.datum.share > middle, alt.value("white"), alt.value("#222222")
                ),
            ).transform_calculate(
                label="format(datum.share, '.1%') + ' (' + format(datum.legs, ',') + ')'"
            )
        ).properties(width=alt.Step(130), height=alt.Step(28)),
        "How calls fail",
        "失败原因",
        "of the carrier's legs that were not answered (legs)",
    ),
    "lines_failures",
)
