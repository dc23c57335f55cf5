#!/usr/bin/env python3
"""Relaying audio: Ledgerline and rtpengine in one run, under the same load.

    benches/media-peers.py [--calls 1000] [--seconds 15] [--rounds 3] [--format text|json]

So many legs of G.711, joined in pairs: what one says goes to the other. The far sides are the
same thread of `ledgerline bench media` for both, and both take turns in short rounds. rtpengine
(Debian: rtpengine-daemon) runs without its kernel module and with two threads, and is told of
calls by its ng protocol. A figure is the median of the rounds.

They do not do the same work: rtpengine passes packets on as they come. Ledgerline takes them
apart, listens for keys, tones and speech, puts them through a jitter buffer, mixes, and sends
new packets every 20 ms, as its own side of each leg.
"""

import argparse
import json
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PORTS = (30_000, 45_999)


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Rtpengine:
    """A process of its own for each round, which ends the calls of the one before."""

    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen(
            ["rtpengine", "--foreground", "--log-stderr", "--log-level=2", "--table=-1",
             "--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{self.port}",
             f"--port-min={PORTS[0]}", f"--port-max={PORTS[1]}", "--num-threads=2",
             "--no-redis-required", "--config-file=none"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        self.wait()

    def wait(self):
        until = time.monotonic() + 15
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(0.2)
            while time.monotonic() < until:
                if self.process.poll() is not None:
                    raise SystemExit(f"bench: rtpengine ended: {self.process.returncode}")
                try:
                    asker.sendto(b"0 d7:command4:pinge", ("127.0.0.1", self.port))
                    if b"pong" in asker.recv(200):
                        return
                except OSError:
                    time.sleep(0.05)
        raise SystemExit("bench: rtpengine does not answer")

    def arguments(self):
        return ["--relay", f"127.0.0.1:{self.port}", "--relay-pid", str(self.process.pid)]

    def close(self):
        self.process.kill()
        self.process.wait()


def measure(binary, args, more):
    """One round of `ledgerline bench media`."""
    command = [binary, "--format", "json", "bench", "media", "--calls", str(args.calls),
               "--seconds", str(args.seconds), *more]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"bench: {' '.join(map(str, command))}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def rounds(binary, args):
    found = {"ledgerline": [], "rtpengine": []}
    for _ in range(args.rounds):
        found["ledgerline"].append(measure(binary, args, ["--bridge"]))
        relay = Rtpengine()
        try:
            found["rtpengine"].append(measure(binary, args, relay.arguments()))
        finally:
            relay.close()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=1_000, help="legs, joined in pairs")
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--format", choices=["text", "json"], default="text")
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "ledgerline")
    args = parser.parse_args()
    if shutil.which("rtpengine") is None:
        raise SystemExit("bench: rtpengine is missing: apt-get install rtpengine-daemon")
    found = rounds(args.binary, args)
    if args.format == "json":
        json.dump(found, sys.stdout, indent=2)
        print()
        return
    print(f"{args.calls} legs in pairs, {args.seconds} s, median of {args.rounds} rounds")
    for name, runs in found.items():
        cpu = [run["cpu_seconds_per_1000_calls"] for run in runs]
        lost = [run["lost_of_sent_ppm"] for run in runs]
        print(f"{name:12} {statistics.median(cpu):.3f} s of a processor a second for 1,000 legs "
              f"({min(cpu):.3f} to {max(cpu):.3f}), lost {statistics.median(lost):.0f} ppm")


if __name__ == "__main__":
    main()
