"""What the scripts of checks share: how a check is named, run and told of, and small words.

A script is given the connection string, and another one whose user may only read, or "-" without
users. It prints one line of JSON per check: its name, whether it held, and what was seen where it
did not. A line with "ask" asks the test for something: to kill or to stop the server and start it
again.
"""

import json
import sys
import traceback
from uuid import uuid4

from kurrentdbclient import KurrentDBClient, NewEvent

URI, READER = sys.argv[1:3]
CHECKS = []
client = KurrentDBClient(uri=URI)


def check(function):
    """Names a check, which runs in the order of the script."""
    CHECKS.append(function)
    return function


def say(**line):
    print(json.dumps(line), flush=True)


def run():
    """Runs all checks and says what became of each."""
    for one in CHECKS:
        try:
            one()
            say(check=one.__name__, ok=True)
        except Exception:
            say(check=one.__name__, ok=False, seen=traceback.format_exc())
    client.close()


def fresh(name="order"):
    return f"{name}-{uuid4()}"


def event(type="OrderPlaced", data=b'{"n":1}', **more):
    return NewEvent(type=type, data=data, **more)


def events(count, type="OrderPlaced"):
    return [event(type, b'{"n":%d}' % n) for n in range(count)]


def ids(found):
    return [one.id for one in found]


def equal(left, right):
    assert left == right, f"{left!r} is not {right!r}"


def fails(kind, action, *parts):
    """Expects an error that says each of `parts`."""
    try:
        given = action()
    except kind as error:
        for part in parts:
            assert part in str(error), f"{part!r} is not in {error}"
        return error
    raise AssertionError(f"no {kind.__name__}, but {given!r}")


def take(subscription, count):
    """The next events."""
    found = []
    for one in subscription:
        found.append(one)
        if len(found) == count:
            break
    return found
