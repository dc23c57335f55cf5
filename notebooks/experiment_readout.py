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
# # Experiment read-out · 实验评估
#
# Two arms, one question: is B better than A, by how much, and can so few calls tell?
#
# The example compares first dials before and after 17:00 local time.
# The log draws no arms for anybody, so this is **no randomised experiment**: who is dialled late
# may differ from who is dialled early.
# The read-out therefore compares within strata as well, and shows both.
# Where a real experiment runs, the arm follows from a hash of the customer as in the last part:
# change `arm` below to that, and everything else stays.

# %%
import hashlib

import altair as alt
import polars as pl

import intervals
import ledgerline
from ledgerline import rows, show, titled

ledger = ledgerline.connect()

# %% [markdown]
# ## What is compared · 对比设置
#
# One row for each customer: the first dial. Later dials depend on what the first one came to.

# %%
UTC_OFFSET_HOURS = {"en": -5, "zh": 8}
ARM_A, ARM_B = "A before 17:00", "B from 17:00"
OUTCOMES = {
    "contact": "a person answered 真人接通",
    "interested": "level A or B 有意向",
    "agreed": "agreed 同意",
    "opted_out": "asked not to be called 拒绝再拨 (guardrail)",
}
PRIMARY = "contact"
LEVEL, POWER = 0.95, 0.80

first_dials = ledger.ask(
    """
    with numbered as (
        select
            attempts.*,
            row_number() over (partition by subject_id order by started_at, call_id) as place
        from attempts
        where is_over
    )
    select
        numbered.subject_id,
        numbered.campaign_id,
        campaigns.language,
        numbered.started_at,
        cast(coalesce(numbered.is_contact, false) as int) as contact,
        case when numbered.level in ('A', 'B') then 1 else 0 end as interested,
        cast(coalesce(numbered.is_committed, false) as int) as agreed,
        cast(coalesce(numbered.is_opted_out, false) as int) as opted_out
    from numbered
    join campaigns on campaigns.campaign_id = numbered.campaign_id
    where numbered.place = 1
    order by numbered.started_at, numbered.subject_id
    """
)
local = pl.col("started_at").dt.replace_time_zone(None) + pl.duration(
    hours=pl.col("language").replace_strict(UTC_OFFSET_HOURS, default=0, return_dtype=pl.Int64)
)
units = first_dials.with_columns(
    pl.when(local.dt.hour() >= 17).then(pl.lit(ARM_B)).otherwise(pl.lit(ARM_A)).alias("arm"),
    pl.when(local.dt.weekday() > 5).then(pl.lit("weekend")).otherwise(pl.lit("weekday")).alias("day"),
)
rows(
    units.group_by("arm").agg(pl.len().alias("customers"), pl.col(list(OUTCOMES)).sum()).sort("arm")
)


# %%
def counts(frame: pl.DataFrame, outcome: str) -> tuple[int, int, int, int]:
    """Successes and customers of B, then of A."""
    b, a = frame.filter(pl.col("arm") == ARM_B), frame.filter(pl.col("arm") == ARM_A)
    return b[outcome].sum(), len(b), a[outcome].sum(), len(a)


def effect(frame: pl.DataFrame, outcome: str) -> dict:
    numbers = counts(frame, outcome)
    apart, low, high = intervals.difference(*numbers, level=LEVEL)
    return {
        "A": numbers[2] / max(1, numbers[3]),
        "B": numbers[0] / max(1, numbers[1]),
        "difference": apart,
        "low": low,
        "high": high,
        "chance": intervals.chance(*numbers),
    }


# %% [markdown]
# ## The answer · 结论
#
# One outcome was named before looking (`PRIMARY`); the others are there to understand it, and the
# guardrail must not rise.
# An interval that holds zero means: not told apart, which is not the same as equal.

# %%
effects = pl.DataFrame(
    [{"outcome": label, "name": name, **effect(units, name)} for name, label in OUTCOMES.items()]
)
printable = effects.with_columns(
    *(pl.col(column).map_elements(lambda share: f"{share:.2%}", pl.String) for column in "AB"),
    pl.format(
        "{} to {}",
        pl.col("low").map_elements(lambda share: f"{share:+.2%}", pl.String),
        pl.col("high").map_elements(lambda share: f"{share:+.2%}", pl.String),
    ).alias("interval"),
    pl.col("difference").map_elements(lambda share: f"{share:+.2%}", pl.String),
    pl.col("chance").map_elements(lambda share: f"{share:.3f}", pl.String),
)
rows(printable.select("outcome", "A", "B", "difference", "interval", "chance"))
primary = effects.row(by_predicate=pl.col("name") == PRIMARY, named=True)
if primary["low"] > 0:
    verdict = "B is better"
elif primary["high"] < 0:
    verdict = "B is worse"
else:
    verdict = "not told apart"
print(
    f"{OUTCOMES[PRIMARY]}: {verdict}; {primary['difference']:+.1%} "
    f"({primary['low']:+.1%} to {primary['high']:+.1%}) of first dials."
)

# %%
y = alt.Y("outcome:N", title=None, sort=list(OUTCOMES.values()))
base = alt.Chart(effects).encode(
    y=y,
    color=alt.condition(
        (alt.datum.low > 0) | (alt.datum.high < 0), alt.value("#0072B2"), alt.value("#999999")
    ),
)
zero = alt.Chart().mark_rule(color="#444444", strokeDash=[3, 3]).encode(x=alt.datum(0))
show(
    titled(
        alt.layer(
            zero,
            base.mark_rule(strokeWidth=3).encode(
                x=alt.X("low:Q", title="B less A 差值", axis=alt.Axis(format="+.1%")), x2="high:Q"
            ),
            base.mark_point(size=90).encode(x="difference:Q"),
            base.mark_text(dy=-12, fontSize=11).encode(
                x="difference:Q", text=alt.Text("difference:Q", format="+.2%")
            ),
            data=effects,
        ).properties(width=460, height=alt.Step(44)),
        f"{ARM_B} against {ARM_A}",
        "实验效果",
        f"first dials; {LEVEL:.0%} intervals (Newcombe); grey: not told apart",
    ),
    "experiment_effect",
)

# %% [markdown]
# ## Within strata · 分层对比
#
# If the arms hold different customers, the difference may be theirs.
# Here A and B are compared within each campaign, on weekdays and at weekends, and put together
# again by Mantel and Haenszel. Where the common odds ratio tells the same story as the whole, the
# mix of these strata was not the reason.

# %%
STRATUM_MIN = 30
strata = []
tables = []
for (campaign, day), part in units.group_by("campaign_id", "day", maintain_order=True):
    good_b, all_b, good_a, all_a = counts(part, PRIMARY)
    tables.append((good_b, all_b - good_b, good_a, all_a - good_a))
    if min(all_a, all_b) >= STRATUM_MIN:
        found = effect(part, PRIMARY)
        strata.append(
            {"stratum": f"{campaign}, {day} ({all_a} / {all_b})", "is_whole": False, **found}
        )
strata.sort(key=lambda row: row["stratum"])
strata.append({"stratum": "all together 合计", "is_whole": True, **effect(units, PRIMARY)})
strata = pl.DataFrame(strata)
ratio, low, high = intervals.odds_ratio(tables, LEVEL)
good_b, all_b, good_a, all_a = counts(units, PRIMARY)
crude, *_ = intervals.odds_ratio([(good_b, all_b - good_b, good_a, all_a - good_a)], LEVEL)
print(f"Odds ratio of {OUTCOMES[PRIMARY]}: {crude:.2f} as a whole; "
      f"{ratio:.2f} ({low:.2f} to {high:.2f}) within {len(tables)} strata.")
base = alt.Chart(strata).encode(
    y=alt.Y("stratum:N", title=None, sort=strata["stratum"].to_list()),
    color=alt.condition(alt.datum.is_whole, alt.value("#D55E00"), alt.value("#0072B2")),
)
show(
    titled(
        alt.layer(
            zero,
            base.mark_rule(strokeWidth=2).encode(
                x=alt.X("low:Q", title="B less A 差值", axis=alt.Axis(format="+.0%")), x2="high:Q"
            ),
            base.mark_point(size=70).encode(x="difference:Q"),
            data=strata,
        ).properties(width=420, height=alt.Step(24)),
        f"Within strata: {OUTCOMES[PRIMARY]}",
        "分层效果",
        f"customers of A / B in brackets; {STRATUM_MIN} in each or more; odds ratio within strata "
        f"{ratio:.2f} ({low:.2f} to {high:.2f})",
    ),
    "experiment_strata",
)

# %% [markdown]
# ## As it went on · 随时间变化
#
# The difference as it stood at the end of each day. The interval holds for **one** look at a day
# that was fixed beforehand: who stops at the first day without zero in it is fooled far more often
# than one time in twenty.

# %%
days = units["started_at"].dt.date().unique().sort()
path = pl.DataFrame(
    [
        {"day": day, **effect(units.filter(pl.col("started_at").dt.date() <= day), PRIMARY)}
        for day in days
    ]
).filter(pl.col("high") - pl.col("low") < 1)
base = alt.Chart(path).encode(x=alt.X("day:T", title=None, axis=alt.Axis(format="%m-%d")))
level = alt.Chart().mark_rule(color="#444444", strokeDash=[3, 3]).encode(y=alt.datum(0))
show(
    titled(
        alt.layer(
            base.mark_area(opacity=0.25).encode(
                y=alt.Y("low:Q", title="B less A 差值", axis=alt.Axis(format="+.0%")), y2="high:Q"
            ),
            base.mark_line(point=True).encode(y="difference:Q"),
            level,
            data=path,
        ).properties(height=240),
        f"As it went on: {OUTCOMES[PRIMARY]}",
        "效果随时间变化",
        f"all first dials up to the day; {LEVEL:.0%} interval of a single look",
    ),
    "experiment_over_time",
)

# %% [markdown]
# ## How many are needed · 样本量
#
# What each arm needs so that a true rise is found with the stated power, from the rate of A.
# The rule says what this log could have shown, and the pace says how long the rest would take.

# %%
per_day = len(units) / max(1, len(days))
sizes = []
for name, label in OUTCOMES.items():
    good_b, all_b, good_a, all_a = counts(units, name)
    if good_a == 0:
        continue
    base_rate = good_a / all_a
    smallest = intervals.smallest_lift(base_rate, min(all_a, all_b), LEVEL, POWER)
    needed = intervals.sample_size(base_rate, base_rate * 0.1, LEVEL, POWER)
    sizes.append({
        "outcome": label,
        "rate of A": f"{base_rate:.2%}",
        "smaller arm": min(all_a, all_b),
        "least rise it can show": f"{smallest:+.2%} ({smallest / base_rate:+.0%})",
        "needed for a rise of a tenth": needed,
        "days at this pace, split in half": round(2 * needed / per_day),
    })
rows(pl.DataFrame(sizes))
curve = []
for name, label in OUTCOMES.items():
    good_a, all_a = counts(units, name)[2:]
    if good_a == 0:
        continue
    for percent in (3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50):
        rate = good_a / all_a
        if rate * (1 + percent / 100) < 1:
            curve.append({
                "outcome": label,
                "rise": percent / 100,
                "needed": intervals.sample_size(rate, rate * percent / 100, LEVEL, POWER),
            })
needed = alt.Chart(pl.DataFrame(curve)).mark_line(point=True).encode(
    x=alt.X("rise:Q", title="true rise, relative to A 相对提升", axis=alt.Axis(format="+.0%")),
    y=alt.Y("needed:Q", title="customers in each arm 每组客户数",
            scale=alt.Scale(type="log"), axis=alt.Axis(format="~s", tickCount=5)),
    color=alt.Color("outcome:N", title=None, sort=list(OUTCOMES.values())),
)
have = min(counts(units, PRIMARY)[1], counts(units, PRIMARY)[3])
there = alt.Chart(pl.DataFrame({"have": [have], "label": [f"smaller arm here: {have:,}"]}))
show(
    titled(
        (
            needed
            + there.mark_rule(strokeDash=[4, 3], color="#444444").encode(y="have:Q")
            + there.mark_text(align="right", dy=-7, color="#444444").encode(
                x=alt.value(615), y="have:Q", text="label:N"
            )
        ).properties(height=280),
        "How many are needed",
        "所需样本量",
        f"{LEVEL:.0%} level, {POWER:.0%} power, two-sided",
    ),
    "experiment_size",
)

# %% [markdown]
# ## Does the read-out itself hold? · A/A 检验
#
# Arms that are no arms: customers split by a hash of their id and a salt, as a real experiment
# would split them. Nothing differs, so a chance below 0.05 must come up about once in twenty
# salts, all chances about equally often, and both halves must be of about the same size.
# Where they are not, the split or the read-out is broken, and no result above counts.

# %%
SALTS = 200


def half(subject_id: str, salt: str) -> int:
    """0 or 1, always the same for a customer and a salt."""
    return hashlib.sha256(f"{salt}:{subject_id}".encode()).digest()[0] & 1


subjects = units["subject_id"].to_list()
outcome = units[PRIMARY].to_list()
total, good = len(subjects), sum(outcome)
chances, uneven = [], 0
for salt in range(SALTS):
    sides = [half(subject, f"aa-{salt}") for subject in subjects]
    in_b = sum(sides)
    good_b = sum(side & won for side, won in zip(sides, outcome))
    chances.append(intervals.chance(good_b, in_b, good - good_b, total - in_b))
    # Sample ratio mismatch: a half that is no half, at a level that false alarms do not reach.
    low, high = intervals.wilson(in_b, total, 0.999)
    uneven += not low <= 0.5 <= high
below = sum(chance < 0.05 for chance in chances)
low, high = intervals.wilson(below, SALTS)
print(f"Below 0.05: {below} of {SALTS} salts, {below / SALTS:.1%} ({low:.1%} to {high:.1%}); wanted 5 %.")
print(f"Halves that are no halves: {uneven} of {SALTS}.")
show(
    titled(
        alt.Chart(pl.DataFrame({"chance": chances}))
        .mark_bar()
        .encode(
            x=alt.X("chance:Q", bin=alt.Bin(step=0.05, extent=[0, 1]), title="chance (p value)"),
            y=alt.Y("count()", title="salts"),
        )
        .properties(height=200)
        + alt.Chart()
        .mark_rule(color="#D55E00", strokeDash=[4, 3])
        .encode(y=alt.datum(SALTS / 20)),
        "Arms that are no arms",
        "A/A 检验",
        f"{SALTS} splits by hash; dashed: what equal chances would give",
    ),
    "experiment_aa",
)
