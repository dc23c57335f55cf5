#!/usr/bin/env python3
"""The questions of analysts: Ledgerline, DuckDB, chDB and Polars on the same Parquet in one run.

    benches/analytics.py [--rows 10000000] [--rounds 3] [--format text|json] [--data DIR]

Makes a month of dial attempts (17 columns, in order of time as a log is; the same ones for the
same number of rows), asks every engine the same eleven questions, compares the answers, and prints
the lowest processor time of each and the geometric mean. The engines take turns in rounds, each in
a process of its own with two threads, so that they meet the same neighbours. `ledgerline` is the
release build that `make bench NAME=analytics` makes. The first call makes a virtual environment
with the other engines under target/peers/analytics.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "target" / "peers" / "analytics"
PACKAGES = ["duckdb==2.0.0", "chdb==4.4.0", "polars==2.1.0", "pyarrow==26.0.1", "numpy==2.4.6"]
THREADS = 2
DAYS = 30
ENGINES = ["ledgerline", "duckdb", "chdb", "polars"]


def environment():
    """Runs this script again inside an environment that has the other engines."""
    python = PEERS / "bin" / "python"
    stamp = PEERS / "installed"
    if not stamp.exists() or stamp.read_text() != "\n".join(PACKAGES):
        print(f"bench: installing {', '.join(PACKAGES)} into {PEERS}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        stamp.write_text("\n".join(PACKAGES))
    if Path(sys.prefix).resolve() != PEERS.resolve():
        os.execv(python, [python, __file__, *sys.argv[1:]])


# --- the files -------------------------------------------------------------------------------


def make(folder, rows, files=10):
    """Writes dial attempts as Parquet; nothing where they are there already."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    stamp = folder / "rows"
    if stamp.exists() and stamp.read_text() == str(rows):
        return
    calls = folder / "calls"
    for old in folder.glob("**/*.parquet"):
        old.unlink()
    for old in ("by_hour", "by_line_day", "by_day"):
        if (folder / old).is_dir():
            (folder / old).rmdir()
    calls.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(7)
    regions = pa.array([f"R{number:02d}" for number in range(31)])
    industries = pa.array([f"I{number:02d}" for number in range(16)])
    dispositions = ["ANSWERED", "NO_ANSWER", "BUSY", "FAILED", "CANCEL", "REJECTED", "MACHINE", "SILENT"]
    sip_codes = np.array([200, 480, 486, 503, 487, 603, 200, 487], dtype=np.int16)
    intents = ["none", "low", "mid", "high", "appointment", "converted", "do_not_call"]
    customers, agents, lines, campaigns = max(1_000, int(rows * 0.35)), 500, 240, 60
    region_of = draw.integers(0, 31, customers).astype(np.int8)
    industry_of = draw.integers(0, 16, campaigns).astype(np.int8)
    failing = np.clip(draw.beta(2, 30, lines), 0, 0.6)
    campaign_share = 1 / np.arange(1, campaigns + 1) ** 0.8
    line_share = 1 / np.arange(1, lines + 1) ** 0.5
    begin = np.datetime64("2026-10-01T00:00:00", "us").astype(np.int64)
    span = DAYS * 86_400_000_000

    def words(codes, names, empty=None):
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int8), mask=empty), pa.array(names))

    done = 0
    for number in range(files):
        count = rows // files if number < files - 1 else rows - done
        at = np.sort(draw.integers(begin + span * number // files, begin + span * (number + 1) // files, count))
        campaign = draw.choice(campaigns, count, p=campaign_share / campaign_share.sum()).astype(np.int16)
        line = draw.choice(lines, count, p=line_share / line_share.sum()).astype(np.int16)
        customer = draw.integers(0, customers, count)
        # Who answers depends on how often the line fails; the rest is shared out by the field's habits.
        chance, fails = draw.random(count), failing[line]
        disposition = np.select(
            [chance > 1 - fails, chance < 0.26 * (1 - fails), chance < 0.70, chance < 0.80, chance < 0.84,
             chance < 0.88, chance < 0.95, chance < 0.96],
            [3, 0, 1, 2, 4, 5, 6, 7], 1).astype(np.int8)
        silent = disposition != 0
        intent = np.searchsorted([0.55, 0.75, 0.87, 0.94, 0.975, 0.99], draw.random(count), side="right")
        ring = np.where(disposition == 3, draw.integers(0, 400, count), draw.gamma(3.2, 4_200, count))
        talk = np.where(silent, 0, draw.lognormal(10.6, 1.0, count))
        wrap = np.where(silent, 0, draw.gamma(2, 9_000, count))
        position = np.arange(done, done + count, dtype=np.int64)
        table = pa.table({
            "pos": position,
            "ts": pa.array(at).cast(pa.timestamp("us")),
            "call_id": (position.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).view(np.int64),
            "campaign_id": campaign,
            "customer_id": customer,
            "agent_id": pa.array(draw.integers(0, agents, count).astype(np.int32), mask=silent),
            "line_id": line,
            "region": words(region_of[customer], regions),
            "industry": words(industry_of[campaign], industries),
            "disposition": words(disposition, dispositions),
            "sip_code": sip_codes[disposition],
            "pdd_ms": draw.gamma(4, 350, count).astype(np.int32),
            "ring_ms": ring.astype(np.int32),
            "talk_ms": talk.astype(np.int32),
            "wrap_ms": wrap.astype(np.int32),
            "mos_milli": pa.array(np.clip(draw.normal(4_100, 280, count), 1_000, 4_500).astype(np.int16), mask=silent),
            "intent": words(intent, intents, silent),
        })
        pq.write_table(table, calls / f"part-{number:03d}.parquet", compression="zstd", compression_level=3,
                       row_group_size=1_000_000 if count > 1_000_000 else 250_000)
        done += count
        print(f"\rbench: {done:,} of {rows:,} dial attempts", end="", file=sys.stderr)
    print(file=sys.stderr)
    stamp.write_text(str(rows))


# --- the questions ---------------------------------------------------------------------------

ANSWERED = "disposition = 'ANSWERED'"


def questions(hour, five, day, exact, about, distinct, count_if, micros, last_hour):
    """The eleven in one dialect of SQL; the order is that of src/cli/bench/queries.rs."""
    failed = "disposition = 'FAILED'"
    high, met, won = "intent in ('high','appointment','converted')", "intent in ('appointment','converted')", "intent = 'converted'"
    percentiles = lambda one: ", ".join(f"{one('ring_ms', share)} as p{int(share * 100)}" for share in (0.5, 0.95, 0.99))
    return {
        "connect_rate_by_hour": f"select {hour} as h, count(*) as n, {count_if(ANSWERED)} as a, sum(talk_ms) as t from calls group by 1 order by 1",
        "funnel_by_campaign": f"select campaign_id, count(*) as n, {count_if(ANSWERED)} as a, {count_if(ANSWERED + ' and talk_ms >= 10000')} as r, {count_if(high)} as i, {count_if(met)} as m, {count_if(won)} as c from calls group by 1 order by 1",
        "heat_region_industry": f"select region, industry, count(*) as n, {count_if(ANSWERED)} as a, {count_if(high)} as i, avg(talk_ms) as t from calls group by 1, 2 order by 1, 2",
        "ring_percentiles": f"select line_id, {percentiles(exact)} from calls group by 1 order by 1",
        "ring_percentiles_about": f"select line_id, {percentiles(about)} from calls group by 1 order by 1",
        "agent_occupancy": f"select agent_id, {five} as b, sum(talk_ms + wrap_ms) as busy, count(*) as n from calls where {ANSWERED} group by 1, 2 order by busy desc, agent_id, b limit 100",
        "distinct_customers": f"select campaign_id, count(distinct customer_id) as u from calls where {ANSWERED} group by 1 order by 1",
        "distinct_customers_about": f"select campaign_id, {distinct}(customer_id) as u from calls where {ANSWERED} group by 1 order by 1",
        "first_to_last": f"select {day} as d, avg(n) as n, avg(span) as span, count(*) as customers from (select customer_id, min(ts) as first, count(*) as n, max({micros}) - min({micros}) as span from calls group by customer_id having max(case when {won} then 1 else 0 end) = 1) as c group by 1 order by 1",
        "failing_lines": f"select line_id, count(*) as n, {count_if(failed)} as f, {count_if('sip_code between 500 and 599')} as s from calls group by 1 order by 1.0 * f / n desc, line_id limit 10",
        "last_hour": f"select line_id, count(*) as n, {count_if(ANSWERED)} as a, avg(pdd_ms) as p from calls where ts >= {last_hour} group by 1 order by n desc, line_id limit 20",
    }


def duckdb_questions():
    return questions(
        "date_trunc('hour', ts)", "time_bucket(interval '5 minutes', ts)", "date_trunc('day', first)",
        lambda column, share: f"quantile_cont({column}, {share})", lambda column, share: f"approx_quantile({column}, {share})",
        "approx_count_distinct", lambda condition: f"count(*) filter (where {condition})", "epoch_us(ts)",
        "timestamp '2026-10-30 23:00:00'")


def chdb_questions():
    return questions(
        "toStartOfHour(ts)", "toStartOfFiveMinutes(ts)", "toStartOfDay(first)",
        lambda column, share: f"quantileExactInclusive({share})({column})", lambda column, share: f"quantileTDigest({share})({column})",
        "uniqCombined64", lambda condition: f"countIf({condition})", "toUnixTimestamp64Micro(ts)",
        "toDateTime64('2026-10-30 23:00:00', 6, 'UTC')")


def polars_questions(pl, frame):
    col = pl.col
    answered, failed, won = col("disposition") == "ANSWERED", col("disposition") == "FAILED", col("intent") == "converted"
    high, met = col("intent").is_in(["high", "appointment", "converted"]), col("intent").is_in(["appointment", "converted"])
    talk = col("talk_ms").cast(pl.Int64)
    share = lambda of: col("ring_ms").quantile(of, "linear")
    return {
        "connect_rate_by_hour": frame.group_by(h=col("ts").dt.truncate("1h")).agg(n=pl.len(), a=answered.sum(), t=talk.sum()).sort("h"),
        "funnel_by_campaign": frame.group_by("campaign_id").agg(n=pl.len(), a=answered.sum(), r=(answered & (col("talk_ms") >= 10_000)).sum(), i=high.sum(), m=met.sum(), c=won.sum()).sort("campaign_id"),
        "heat_region_industry": frame.group_by("region", "industry").agg(n=pl.len(), a=answered.sum(), i=high.sum(), t=col("talk_ms").mean()).sort("region", "industry"),
        "ring_percentiles": frame.group_by("line_id").agg(p50=share(0.5), p95=share(0.95), p99=share(0.99)).sort("line_id"),
        "agent_occupancy": frame.filter(answered).group_by("agent_id", b=col("ts").dt.truncate("5m")).agg(busy=(talk + col("wrap_ms")).sum(), n=pl.len()).sort(["busy", "agent_id", "b"], descending=[True, False, False]).limit(100),
        "distinct_customers": frame.filter(answered).group_by("campaign_id").agg(u=col("customer_id").n_unique()).sort("campaign_id"),
        "distinct_customers_about": frame.filter(answered).group_by("campaign_id").agg(u=col("customer_id").approx_n_unique()).sort("campaign_id"),
        "first_to_last": frame.group_by("customer_id").agg(first=col("ts").min(), span=(col("ts").max() - col("ts").min()).dt.total_microseconds(), n=pl.len(), won=won.any()).filter(col("won")).group_by(d=col("first").dt.truncate("1d")).agg(n=col("n").mean(), span=col("span").mean(), customers=pl.len()).sort("d"),
        "failing_lines": frame.group_by("line_id").agg(n=pl.len(), f=failed.sum(), s=col("sip_code").is_between(500, 599).sum()).sort([col("f") / col("n"), "line_id"], descending=[True, False]).limit(10),
        "last_hour": frame.filter(col("ts") >= pl.datetime(2026, 10, 30, 23)).group_by("line_id").agg(n=pl.len(), a=answered.sum(), p=col("pdd_ms").mean()).sort(["n", "line_id"], descending=[True, False]).limit(20),
    }


def peer(engine, folder, rounds):
    """Asks another engine, in this process, and prints what `ledgerline bench queries` would."""
    files = sorted(str(path) for path in (folder / "calls").glob("*.parquet"))
    if engine == "duckdb":
        import duckdb

        base = duckdb.connect()
        base.execute(f"set threads = {THREADS}")
        base.execute(f"create view calls as select * from read_parquet('{folder}/calls/*.parquet')")
        asked, ask = duckdb_questions(), lambda text: base.execute(text).fetchall()
    elif engine == "chdb":
        from chdb import session

        base = session.Session()
        source = f"(select * from file('{folder}/calls/*.parquet', Parquet)) as source"
        asked = chdb_questions()

        def ask(text):
            text = text.replace("from calls", f"from {source}")
            answer = str(base.query(f"{text} settings max_threads = {THREADS}, session_timezone = 'UTC'", "CSV"))
            return [tuple(cell.strip('"') for cell in line.split(",")) for line in answer.splitlines()]
    else:
        import polars as pl

        asked, ask = polars_questions(pl, pl.scan_parquet(files)), lambda plan: plan.collect(engine="streaming").rows()
    figures = []
    for name, question in asked.items():
        answer, wall, cpu = ask(question), [], []
        for _ in range(rounds):
            began, used = time.perf_counter(), time.process_time()
            answer = ask(question)
            wall.append((time.perf_counter() - began) * 1e3)
            cpu.append((time.process_time() - used) * 1e3)
        figures.append({"question": name, "wall_ms": sorted(wall), "cpu_ms": sorted(cpu), "rows": len(answer),
                        "answer": [[plain(cell) for cell in row] for row in answer]})
    print(json.dumps({"questions": figures}))


# --- comparing -------------------------------------------------------------------------------


def plain(cell):
    """A value as every engine's would be: a number, a text, or a time without its notation."""
    if cell is None or isinstance(cell, (int, float)):
        return cell
    text = str(cell).replace("T", " ").replace("Z", "").replace("+00:00", "")
    try:
        return float(text)
    except ValueError:
        return text[:19]


def same(left, right):
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return math.isclose(left, right, rel_tol=1e-6, abs_tol=1e-6)
    return left == right


def differs(ours, theirs):
    """Where two answers differ first; nothing where they do not."""
    if len(ours) != len(theirs):
        return f"{len(ours)} rows and {len(theirs)}"
    for number, (left, right) in enumerate(zip(ours, theirs)):
        left, right = [plain(cell) for cell in left], [plain(cell) for cell in right]
        if len(left) != len(right) or not all(map(same, left, right)):
            return f"row {number}: {left} and {right}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--format", choices=["text", "json"], default="text")
    parser.add_argument("--data", type=Path, default=ROOT / "target" / "bench-analytics")
    parser.add_argument("--ledgerline", type=Path, default=ROOT / "target" / "release" / "ledgerline")
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    environment()
    if args.engine:
        os.environ["POLARS_MAX_THREADS"] = str(THREADS)
        return peer(args.engine, args.data, 1)
    make(args.data, args.rows)
    readings, answers, all_walls, load = {}, {}, {}, os.getloadavg()[0]
    for round_number in range(args.rounds):
        for engine in ENGINES:
            print(f"bench: round {round_number + 1}, {engine}", file=sys.stderr)
            if engine == "ledgerline":
                command = [args.ledgerline, "bench", "queries", "--parquet", args.data, "--rounds", "1", "--answers", "--format", "json"]
            else:
                command = [sys.executable, __file__, "--data", args.data, "--engine", engine]
            ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            for figure in json.loads(ran.stdout)["questions"]:
                key = (engine, figure["question"])
                readings.setdefault(key, []).append((figure["cpu_ms"][0], figure["wall_ms"][0]))
                answers[key] = figure["answer"]
                all_walls.setdefault(key, []).extend(figure["wall_ms"])
    names = list(duckdb_questions())
    common = [name for name in names if all((engine, name) in readings for engine in ENGINES)]
    cpu = {key: min(reading[0] for reading in taken) for key, taken in readings.items()}
    wall = {key: min(reading[1] for reading in taken) for key, taken in readings.items()}
    mean = lambda engine: math.exp(sum(math.log(max(cpu[engine, name], 0.01)) for name in common) / len(common))
    means = {engine: mean(engine) for engine in ENGINES}
    different = {}
    for name in common:
        for engine in ENGINES[1:]:
            found = None if name.endswith("_about") else differs(answers["ledgerline", name], answers[engine, name])
            if found:
                different[f"{name}, {engine}"] = found
    slowest = lambda walls: sorted(walls)[max(0, -(-len(walls) * 99 // 100) - 1)]
    windows = {name: {"cpu_ms": cpu["ledgerline", name], "wall_ms": wall["ledgerline", name],
                      "wall_p99_ms": slowest(all_walls["ledgerline", name]), "asked": len(all_walls["ledgerline", name])}
               for engine, name in readings if engine == "ledgerline" and name not in names}
    windows["ring_percentiles_of_sketches"]["times_quicker"] = cpu["ledgerline", "ring_percentiles"] / cpu["ledgerline", "ring_percentiles_of_sketches"]
    windows["distinct_customers_of_sketches"]["times_quicker"] = cpu["ledgerline", "distinct_customers"] / cpu["ledgerline", "distinct_customers_of_sketches"]
    if args.format == "json":
        cells = {engine: {name: {"cpu_ms": cpu[engine, name], "wall_ms": wall[engine, name]} for name in names if (engine, name) in cpu} for engine in ENGINES}
        print(json.dumps({"rows": args.rows, "load": load, "rounds": args.rounds, "engines": cells, "geometric_mean_cpu_ms": means, "questions_in_mean": common, "windows": windows, "different": different}, indent=2))
    else:
        print(f"{args.rows:,} dial attempts, load {load:.1f} at the start, lowest of {args.rounds}: processor ms (wall ms)")
        print(f"{'':32}" + "".join(f"{engine:>20}" for engine in ENGINES))
        for name in names:
            cells = [f"{cpu[engine, name]:.0f} ({wall[engine, name]:.0f})" if (engine, name) in cpu else "-" for engine in ENGINES]
            print(f"{name:32}" + "".join(f"{cell:>20}" for cell in cells))
        print(f"{f'geometric mean of {len(common)}':32}" + "".join(f"{means[engine]:>20.0f}" for engine in ENGINES))
        for name, figure in windows.items():
            quicker = f", {figure['times_quicker']:.1f} times quicker than exact" if "times_quicker" in figure else ""
            print(f"{name:32}{figure['cpu_ms']:>12.1f} ({figure['wall_ms']:.1f}, p99 {figure['wall_p99_ms']:.1f} of {figure['asked']}){quicker}")
        for where, found in different.items():
            print(f"DIFFERENT: {where}: {found}")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
