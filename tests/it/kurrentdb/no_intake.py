"""A lead that kurrentdbclient offers to `ledgerline log serve`, which takes none.

Arguments: the connection string, and "-". Prints one line of JSON: whether the check held, and
what was seen where it did not.
"""

import json
import sys
import traceback

from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import KurrentDBClientError

client = KurrentDBClient(uri=sys.argv[1])
lead = NewEvent("LeadOffered", b'{"phone":"+12125550181","name":"Zebulon"}')


def an_inbox_takes_nothing():
    appends = [
        lambda: client.append_to_stream(
            "inbox-loans", current_version=StreamState.ANY, events=[lead, lead]
        ),
        lambda: client.append_event(
            "inbox-loans", current_version=StreamState.ANY, event=lead
        ),
    ]
    for append in appends:
        try:
            append()
        except KurrentDBClientError as error:
            assert "ledgerline run" in str(error), error
            assert "Zebulon" not in str(error), error
        else:
            raise AssertionError("it was taken")


try:
    an_inbox_takes_nothing()
    print(json.dumps({"check": "an_inbox_takes_nothing", "ok": True}), flush=True)
except Exception:
    seen = traceback.format_exc()
    print(json.dumps({"check": "an_inbox_takes_nothing", "ok": False, "seen": seen}), flush=True)
client.close()
