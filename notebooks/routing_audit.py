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
# # Routing audit · 路由审计
#
# Who talked, robot or agent, and why: every decision of the log holds all candidates with their
# terms, the weights, and the vetoes.
# Here the sum is done again, decisions are explained, and it is asked what other weights would
# have decided.

# %%
import json

import altair as alt
import polars as pl

import ledgerline
from ledgerline import rows, shares, show, titled

ledger = ledgerline.connect()
TERMS = {
    "customer_value": "customer value 客户价值",
    "robot_fit": "robot fit 机器人适配",
    "agent_skill": "skill 技能",
    "line_quality": "line quality 线路质量",
}
TERM_COLOURS = alt.Scale(
    domain=list(TERMS.values()), range=["#0072B2", "#E69F00", "#009E73", "#BBBBBB"]
)

# %%
candidates = ledger.ask(
    """
    select
        decision_position,
        call_id,
        candidate,
        is_chosen,
        veto,
        score,
        customer_value_ppm as customer_value,
        robot_fit_ppm as robot_fit,
        agent_skill_ppm as agent_skill,
        line_quality_ppm as line_quality
    from decision_candidates
    where kind = 'handler'
    """
)
decisions = ledger.ask(
    """
    select
        decisions.decision_position,
        decisions.call_id,
        decisions.campaign_id,
        decisions.purpose,
        decisions.policy,
        decisions.chosen,
        decisions.score,
        decisions.runner_up,
        decisions.runner_up_score,
        decisions.decided_at,
        leads.value_ppm,
        attempts.is_contact,
        attempts.is_committed,
        attempts.disposition
    from decisions
    left join attempts on attempts.call_id = decisions.call_id
    left join leads on leads.lead_id = attempts.lead_id
    where decisions.kind = 'handler'
    order by decisions.decision_position
    """
)
# The weights stand in the fact itself; `decisions` leaves them out.
weights = ledger.ask(
    r"""
    select
        position as decision_position,
        regexp_replace(data, '^.*"weights":(\{[^}]*\}).*$', '\1') as weights
    from events
    where type = 'HandlerChosen'
    """
)
decided = candidates.join(weights, on="decision_position", how="left").with_columns(
    pl.col("weights").str.json_decode(dtype=pl.Struct({name: pl.Int64 for name in TERMS}))
)
policies = ", ".join(decisions["policy"].unique().sort().to_list())
print(f"{len(decisions):,} decisions of policy {policies}, {len(candidates):,} candidates.")

# %% [markdown]
# ## The sum, done again · 复算
#
# A score is the weighted sum of four terms, all in parts per million, cut to a whole number; the
# highest one without a veto is chosen, and among equals a seed decides.
# What follows must be 0 twice, or a decision was not what its record says.

# %%
again = decided.with_columns(
    (
        sum(pl.col(name) * pl.col("weights").struct.field(name) for name in TERMS) // 1_000_000
    ).alias("score_again")
)
wrong_sums = again.filter(pl.col("score_again") != pl.col("score"))
free = again.filter(pl.col("veto").is_null())
best = free.group_by("decision_position").agg(pl.col("score").max().alias("best_score"))
wrong_choices = free.filter(pl.col("is_chosen")).join(best, on="decision_position").filter(
    pl.col("score") != pl.col("best_score")
)
vetoed_choices = again.filter(pl.col("is_chosen") & pl.col("veto").is_not_null())
print(f"Scores that differ when computed again: {len(wrong_sums)} of {len(again):,}.")
print(f"Choices below the best free score: {len(wrong_choices)}; of a vetoed one: {len(vetoed_choices)}.")
assert wrong_sums.is_empty() and wrong_choices.is_empty() and vetoed_choices.is_empty()

# %% [markdown]
# ## One decision, explained · 单次决策解释
#
# The closest decision for an agent: the terms times their weights, candidate by candidate.
# Name another one by its position.

# %%
DECISION = None  # a decision_position
POINTS = pl.col("score") / 10_000

close = decisions.filter(
    (pl.col("chosen") != "robot") & (pl.col("runner_up") == "robot")
).with_columns((pl.col("score") - pl.col("runner_up_score")).alias("margin"))
if DECISION is None:
    wanted = close if not close.is_empty() else decisions.with_columns(pl.lit(0).alias("margin"))
    DECISION = wanted.sort("margin", "decision_position")["decision_position"][0]
one = decisions.filter(pl.col("decision_position") == DECISION)
rows(one.select("decision_position", "call_id", "purpose", "chosen", "score", "runner_up",
                "runner_up_score", "disposition"))
parts = (
    again.filter(pl.col("decision_position") == DECISION)
    .with_columns(
        *(
            (pl.col(name) * pl.col("weights").struct.field(name) / 1e10).alias(label)
            for name, label in TERMS.items()
        ),
        pl.when(pl.col("is_chosen"))
        .then(pl.format("▶ {}", "candidate"))
        .when(pl.col("veto").is_not_null())
        .then(pl.format("{} ({})", "candidate", "veto"))
        .otherwise(pl.col("candidate"))
        .alias("who"),
    )
    .sort("score", descending=True)
)
order = parts["who"].to_list()
drawn = parts.unpivot(
    on=list(TERMS.values()), index=["who", "score", "veto"], variable_name="term", value_name="points"
).with_columns(
    pl.col("term").replace_strict(list(TERMS.values()), list(range(4))).alias("place")
)
base = alt.Chart(drawn).encode(y=alt.Y("who:N", title=None, sort=order))
bars = base.mark_bar().encode(
    x=alt.X("points:Q", title="points of 100 得分"),
    color=alt.Color("term:N", title=None, scale=TERM_COLOURS, legend=alt.Legend(orient="bottom")),
    opacity=alt.condition(alt.datum.veto == None, alt.value(1), alt.value(0.3)),  # noqa: E711
    order="place:Q",
)
totals = (
    alt.Chart(parts)
    .mark_text(align="left", dx=4)
    .encode(
        x=alt.X("points:Q"), y=alt.Y("who:N", sort=order), text=alt.Text("points:Q", format=".2f")
    )
    .transform_calculate(points="datum.score / 10000")
)
show(
    titled(
        (bars + totals).properties(width=460, height=alt.Step(22)),
        "One decision, explained",
        "单次决策解释",
        f"decision at position {DECISION:,}; pale: vetoed, with the reason; ▶: chosen",
    ),
    "routing_one",
)

# %% [markdown]
# ## Who gets whom · 客户价值与分配
#
# The policy means to send valuable customers to people. Does it, and do they agree more?
# The right half compares outcomes, not handlers: agents got other customers than the robot, so a
# gap there is no proof of anybody's skill.

# %%
answers = decisions.filter(pl.col("purpose") == "answer", pl.col("value_ppm").is_not_null())
answers = answers.with_columns(
    (pl.col("value_ppm") // 100_000).clip(0, 9).alias("tenth"),
    (pl.col("chosen") != "robot").alias("to_agent"),
).with_columns(
    pl.format("{}–{} %", pl.col("tenth") * 10, (pl.col("tenth") + 1) * 10).alias("value"),
)
sent = shares(
    answers.group_by("tenth", "value")
    .agg(pl.len().alias("calls"), pl.col("to_agent").sum().alias("agents"))
    .sort("tenth"),
    "agents",
    "calls",
)
value_axis = alt.X("value:N", title="customer value 客户价值", sort=sent["value"].to_list(),
                   axis=alt.Axis(labelAngle=-40))
base = alt.Chart(sent).encode(x=value_axis)
left = base.mark_bar(color="#9CC5E3").encode(
    y=alt.Y("share:Q", title="to an agent 转人工", axis=alt.Axis(format="%"))
) + base.mark_rule(strokeWidth=2).encode(y="low:Q", y2="high:Q")
agreed = shares(
    answers.filter(pl.col("is_contact"))
    .with_columns(
        pl.when("to_agent").then(pl.lit("agent 人工")).otherwise(pl.lit("robot 机器人")).alias("who"),
        pl.col("is_committed").cast(pl.Int64),
        # Fifths: agents take few calls of little value.
        (pl.col("tenth") // 2).alias("fifth"),
    )
    .group_by("who", "fifth")
    .agg(pl.len().alias("contacts"), pl.col("is_committed").sum().alias("agreed"))
    .filter(pl.col("contacts") >= 20)
    .with_columns(
        pl.format("{}–{} %", pl.col("fifth") * 20, (pl.col("fifth") + 1) * 20).alias("value")
    )
    .sort("fifth"),
    "agreed",
    "contacts",
)
base = alt.Chart(agreed).encode(
    x=alt.X("value:N", title="customer value 客户价值",
            sort=agreed["value"].unique(maintain_order=True).to_list(),
            axis=alt.Axis(labelAngle=-40)),
    xOffset="who:N",
    color=alt.Color("who:N", title=None),
)
right = base.mark_rule(strokeWidth=2).encode(
    y=alt.Y("low:Q", title="agreed 同意率", axis=alt.Axis(format="%")), y2="high:Q"
) + base.mark_point(size=60).encode(y="share:Q")
show(
    titled(
        left.properties(width=300, height=240) | right.properties(width=260, height=240),
        "Who gets whom, and what comes of it",
        "分配与结果",
        "left: share of answered calls sent to an agent; right: share of contacts that agreed "
        "(20 contacts or more); 95 % intervals",
    ),
    "routing_value",
)

# %% [markdown]
# ## How close it was · 决策差距
#
# The winner's score less the runner-up's, in points of 100, on answered calls.
# Decisions near zero are those a small change of weights would turn.

# %%
margins = decisions.filter(
    pl.col("purpose") == "answer", pl.col("runner_up_score").is_not_null()
).with_columns(
    ((pl.col("score") - pl.col("runner_up_score")) / 10_000).alias("margin"),
    pl.when(pl.col("chosen") == "robot").then(pl.lit("robot over an agent 选机器人"))
    .when(pl.col("runner_up") == "robot").then(pl.lit("agent over the robot 选人工"))
    .otherwise(pl.lit("agent over an agent 人工之间")).alias("kind"),
)
bins = (
    margins.with_columns(pl.col("margin").floor().alias("from"))
    .group_by("kind", "from")
    .len("decisions")
    .with_columns((pl.col("from") + 1).alias("until"))
    .sort("kind", "from")
)
show(
    titled(
        alt.Chart(bins)
        .mark_bar()
        .encode(
            x=alt.X("from:Q", title="points of 100 ahead of the runner-up 领先分差", bin="binned"),
            x2="until:Q",
            y=alt.Y("decisions:Q", title="decisions 决策数"),
            color=alt.Color("kind:N", legend=None),
        )
        .properties(width=560, height=90)
        .facet(row=alt.Row("kind:N", title=None, header=alt.Header(labelAngle=0, labelOrient="top")))
        .resolve_scale(y="independent"),
        "How close it was",
        "决策差距",
        "answered calls with a free runner-up; each panel has its own scale",
    ),
    "routing_margin",
)

# %% [markdown]
# ## Vetoes · 否决原因
#
# Why an agent could not be chosen, as a share of the decisions in which the agent was a candidate.

# %%
vetoes = (
    candidates.filter(pl.col("candidate") != "robot")
    .with_columns(pl.col("veto").fill_null("free").str.strip_prefix("state_"))
    .group_by("candidate", "veto")
    .len("decisions")
    .with_columns(
        (pl.col("decisions") / pl.col("decisions").sum().over("candidate")).alias("share")
    )
)
reasons = ["free", "talking", "wrap_up", "ringing", "break", "signed_out"]
base = alt.Chart(vetoes).encode(
    x=alt.X("veto:N", title=None, sort=reasons, axis=alt.Axis(labelAngle=0, orient="top")),
    y=alt.Y("candidate:N", title=None),
)
show(
    titled(
        (
            base.mark_rect().encode(
                color=alt.Color("share:Q", title="share", scale=alt.Scale(scheme="oranges"),
                                legend=alt.Legend(format="%"))
            )
            + base.mark_text(fontSize=10).encode(
                text=alt.Text("share:Q", format=".1%"),
                color=alt.condition(
                    alt.datum.share > 0.5, alt.value("white"), alt.value("#222222")
                ),
            )
        ).properties(width=alt.Step(80), height=alt.Step(22)),
        "Free, or why not",
        "坐席可用与否决",
        "share of decisions in which the agent was a candidate",
    ),
    "routing_vetoes",
)

# %% [markdown]
# ## Other weights · 假如换权重
#
# The same candidates, the same vetoes, other weights: how many calls would have gone to an agent?
# Each line moves one weight and shares the rest among the others as they were.
# It says nothing about what those agents would have made of the calls, and nothing about how busy
# they would have been.

# %%
free_answers = free.join(
    decisions.filter(pl.col("purpose") == "answer").select("decision_position"),
    on="decision_position",
)
usual = json.loads(weights["weights"].value_counts(sort=True)["weights"][0])


def share_to_agents(mixed: dict[str, float]) -> float:
    score = sum(pl.col(name) * mixed[name] for name in TERMS)
    robot = pl.col("again").filter(pl.col("candidate") == "robot").max()
    agent = pl.col("again").filter(pl.col("candidate") != "robot").max()
    won = (
        free_answers.with_columns(score.alias("again"))
        .group_by("decision_position")
        .agg((agent.fill_null(-1) > robot.fill_null(-1)).alias("to_agent"))
    )
    return won["to_agent"].mean()


points = []
for name, label in TERMS.items():
    rest = sum(weight for other, weight in usual.items() if other != name)
    for percent in range(0, 85, 5):
        mixed = {
            other: percent / 100 if other == name else (1 - percent / 100) * weight / rest
            for other, weight in usual.items()
        }
        points.append({"term": label, "weight": percent / 100, "share": share_to_agents(mixed)})
what_if = pl.DataFrame(points)
today = pl.DataFrame(
    [
        {"term": label, "weight": usual[name] / 1e6, "share": share_to_agents(usual)}
        for name, label in TERMS.items()
    ]
)
line = alt.Chart(what_if).mark_line().encode(
    x=alt.X("weight:Q", title="weight of the term 权重", axis=alt.Axis(format="%")),
    y=alt.Y("share:Q", title="answered calls to an agent 转人工占比", axis=alt.Axis(format="%")),
    color=alt.Color("term:N", title=None, scale=TERM_COLOURS),
)
dot = alt.Chart(today).mark_point(size=90, stroke="white").encode(
    x="weight:Q", y="share:Q", color=alt.Color("term:N", scale=TERM_COLOURS)
)
show(
    titled(
        (line + dot).properties(width=480, height=280),
        "What other weights would have chosen",
        "假如换权重",
        "dots: the weights in force; other weights keep their proportions",
    ),
    "routing_what_if",
)
