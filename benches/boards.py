#!/usr/bin/env python3
"""Boards and analysts beside a platform that dials: what one costs the other.

    benches/boards.py [--seconds 20] [--boards 200] [--analysts 20] [--heavy 10] [--format text|json]

Runs `ledgerline demo` with simulated carriers and customers, whose processes share this machine,
and measures four spans in the same run: one board; many boards; boards beside analysts who ask
what BI tools ask, without a pause; one board beside heavy analysts, whose questions each take a
processor for seconds.

An event counts as on a board when a client has read the first snapshot of a position at or behind
it; when it was appended stands in the log. A dial decision's time is from the moment it was taken
until the log's writer took it up; the sync that follows is the disk's. `ledgerline` is the release build that
`make bench NAME=boards BENCH_FEATURES=` makes. Python's own reading of 200 streams is in the
figures.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What dashboards ask.
LIGHT = [
    "select date_trunc('hour', started_at) as hour, count(*) as dials,"
    " count(*) filter (where answered_at is not null) as answered from attempts group by 1 order by 1",
    "select campaign_id, disposition, count(*) as attempts from attempts group by 1, 2 order by 1, 2",
    "select type, count(*) as events from events group by 1 order by 2 desc limit 20",
    "select carrier_id, count(*) as legs from legs group by 1 order by 1",
    "select * from operational.carriers_minutely order by 1 desc limit 50",
    "select * from attempts order by started_at desc limit 50",
]
# What nobody should ask of a machine that dials: seconds of a processor, in memory that is bounded.
HEAVY = [
    "select count(*) as pairs, sum(a.position % 7 * (b.position % 11)) as sum from events a, events b"
    " where a.type <> b.type",
    "select sum(sqrt(a.value) * ln(b.value + 1)) as sum from generate_series(1, 6000) a, generate_series(1, 6000) b",
]


def micros(text):
    """A moment of the API in microseconds since 1970."""
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1e6)


def share(values, percent):
    """The value that this share of all does not exceed."""
    values = sorted(values)
    return values[max(0, -(-len(values) * percent // 100) - 1)] if values else None


async def request(address, head, body=b""):
    reader, writer = await asyncio.open_connection(*address, limit=1 << 22)
    writer.write(f"{head} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                 f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
    await writer.drain()
    status = int((await reader.readline()).split()[1])
    is_chunked = False
    while (line := await reader.readline()) not in (b"\r\n", b""):
        is_chunked |= line.lower().startswith(b"transfer-encoding: chunked")
    return status, reader, writer, is_chunked


async def chunks(reader):
    while size := int((await reader.readline()).strip() or b"0", 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)


async def ask(address, sql):
    status, reader, writer, is_chunked = await request(address, "POST /api/sql", json.dumps({"sql": sql}).encode())
    try:
        body = b"".join([part async for part in chunks(reader)]) if is_chunked else await reader.read()
    finally:
        writer.close()
    answer = json.loads(body)
    if status != 200:
        raise RuntimeError(f"{status}: {answer['error']['message']}")
    return answer


async def watch(address, seen):
    """Reads one board for as long as it is let, and notes each snapshot's position and moment."""
    _, reader, writer, _ = await request(address, "GET /api/board/stream")
    try:
        rest = b""
        async for part in chunks(reader):
            rest += part
            *events, rest = rest.split(b"\n\n")
            at = time.time_ns() // 1000
            for event in events:
                if b"event: board" in event or b"event:board" in event:
                    seen.append((int(re.search(rb"^id: ?(\d+)", event, re.M)[1]), at))
    except asyncio.IncompleteReadError:
        pass
    finally:
        writer.close()


async def analyst(address, questions, number, waits, failures):
    while True:
        question = questions[number % len(questions)]
        number += 1
        began = time.monotonic()
        try:
            await ask(address, question)
            waits.append((time.monotonic() - began) * 1e3)
        except RuntimeError as refused:
            failures.append(str(refused))
            await asyncio.sleep(0.1)


async def rows(address, sql):
    answer = await ask(address, sql)
    return answer["rows"] if isinstance(answer, dict) else answer


async def span(address, name, seconds, boards, analysts, questions):
    """One span: what happened in it, seen from outside."""
    print(f"bench: {name}", file=sys.stderr)
    seen, waits, failures = [[] for _ in range(boards)], [], []
    tasks = [asyncio.create_task(watch(address, one)) for one in seen]
    tasks += [asyncio.create_task(analyst(address, questions, number, waits, failures)) for number in range(analysts)]
    # Until everybody is at work.
    while not all(seen):
        await asyncio.sleep(0.05)
    began = time.time_ns() // 1000
    await asyncio.sleep(seconds)
    ended = time.time_ns() // 1000
    # What was appended last needs time to arrive.
    await asyncio.sleep(2)
    for task in tasks:
        task.cancel()
    for done in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(done, Exception) and not isinstance(done, asyncio.CancelledError):
            raise done
    return {"name": name, "began": began, "ended": ended, "seen": seen, "waits": waits, "failures": failures,
            "boards": boards, "analysts": analysts}


def figures(one, events):
    """What a span comes to, given every event's position and moments."""
    mine = [event for event in events if one["began"] <= event[1] < one["ended"]]
    ages, latest = [], 0
    for seen in one["seen"]:
        place = 0
        for position, recorded, _, _ in mine:
            while place < len(seen) and seen[place][0] < position:
                place += 1
            if place < len(seen):
                ages.append((seen[place][1] - recorded) / 1e3)
            else:
                latest += 1
    decisions = [(recorded - occurred) / 1e3 for _, recorded, occurred, kind in mine if kind == "DialDecided"]
    return {
        "span": one["name"], "boards": one["boards"], "analysts": one["analysts"], "events": len(mine),
        "board_p50_ms": share(ages, 50), "board_p99_ms": share(ages, 99), "never_seen": latest,
        "decisions": len(decisions), "decision_p50_ms": share(decisions, 50), "decision_p99_ms": share(decisions, 99),
        "answers": len(one["waits"]), "answer_p50_ms": share(one["waits"], 50), "answer_p99_ms": share(one["waits"], 99),
        "refused": len(one["failures"]), "refusals": sorted(set(one["failures"]))[:3],
    }


async def measure(args, address):
    spans = []
    for name, boards, analysts, questions in [
        ("one board", 1, 0, LIGHT),
        ("boards", args.boards, 0, LIGHT),
        ("boards and analysts", args.boards, args.analysts, LIGHT),
        ("heavy analysts", 1, args.heavy, HEAVY),
    ]:
        spans.append(await span(address, name, args.seconds, boards, analysts, questions))
    first = spans[0]["began"]
    since = datetime.fromtimestamp(first / 1e6 - 1).astimezone().isoformat()
    found = await rows(address, "select position, recorded_at, occurred_at, type from events"
                                f" where recorded_at >= timestamp '{since}' order by position")
    cell = lambda row, name, at: row[name] if isinstance(row, dict) else row[at]
    events = [(int(cell(row, "position", 0)), micros(cell(row, "recorded_at", 1)),
               micros(cell(row, "occurred_at", 2)), cell(row, "type", 3)) for row in found]
    return [figures(one, events) for one in spans]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=20, help="of each of the four spans")
    parser.add_argument("--boards", type=int, default=200)
    parser.add_argument("--analysts", type=int, default=20)
    parser.add_argument("--heavy", type=int, default=10)
    parser.add_argument("--channels", type=int, default=12, help="calls that the robot talks in at once")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    parser.add_argument("--ledgerline", type=Path, default=ROOT / "target" / "release" / "ledgerline")
    args = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="ledgerline-boards-") as folder:
        platform = subprocess.Popen(
            [args.ledgerline, "demo", "--data-dir", folder, "--leads", "400", "--robot-channels", str(args.channels)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT)
        try:
            for line in platform.stdout:
                if found := re.search(r"http://([\d.]+):(\d+)", line):
                    address = (found[1], int(found[2]))
                    break
            else:
                sys.exit("bench: the demo ended before its console was there; run `ledgerline demo` to see why")
            told = asyncio.run(measure(args, address))
        finally:
            platform.terminate()
            platform.wait()
    if args.format == "json":
        print(json.dumps({"load": load, "seconds": args.seconds, "spans": told}, indent=2))
        return
    print(f"load {load:.1f} at the start, {args.seconds} s each; ms, p50 and p99")
    print(f"{'':22}{'events':>8}{'on the board':>18}{'dial decision':>18}{'answers':>9}{'answered in':>20}{'refused':>9}")
    pair = lambda one, what: "-" if one[f"{what}_p50_ms"] is None else f"{one[f'{what}_p50_ms']:.1f}  {one[f'{what}_p99_ms']:.1f}"
    for one in told:
        print(f"{one['span']:22}{one['events']:>8}{pair(one, 'board'):>18}{pair(one, 'decision'):>18}"
              f"{one['answers']:>9}{pair(one, 'answer'):>20}{one['refused']:>9}")
        for refusal in one["refusals"]:
            print(f"    refused: {refusal}")


if __name__ == "__main__":
    main()
