"""While the store of the views does not answer: each view says so, and answers all the same."""

import sys
import time

import ledgerline

#: Views there are at least.
VIEWS = 8
WAITING_S = 120

[place] = sys.argv[1:]
until = time.monotonic() + WAITING_S
while True:
    # As of now, and not of a position: what is stored is a matter of the present.
    table, _ = ledgerline.connect().door.ask(
        "select name, state, stored_at, store_error from system.projections", {}, None
    )
    rows = table.to_pylist()
    is_told = len(rows) >= VIEWS and all(row["store_error"] for row in rows)
    if is_told and all(row["state"] == "serving" for row in rows):
        break
    assert time.monotonic() < until, rows
    time.sleep(0.2)
for row in rows:
    assert row["stored_at"] is None, row
    assert row["store_error"].startswith(f"{place} cannot list"), row
    assert "tried again" in row["store_error"], row
ledger = ledgerline.connect()
attempts = ledger.ask("select sum(attempts) as attempts from funnel.campaigns_daily").item()
assert attempts > 0
print(f"the store is down, and the views answer: {len(rows)} views, {attempts} attempts")
