"""Reads the lake with DuckDB and polars and compares counts and sums with SQL over HTTP, at the
same position of the log: EVENTS, then a data folder; or the URLs of the sealed events and of the
views, their endpoint, key and secret, and a Python of which the DuckDB knows `s3://`."""

import json
import pathlib
import subprocess
import sys
import time

import duckdb
import polars as pl

import lake
import ledgerline

SEALING_S = STORING_S = 120
#: Views that have rows at least.
VIEWS = 8
#: Views there are, a file each.
ALL = len(list((pathlib.Path(__file__).parents[3] / "projections").glob("*/*.sql")))


def sealed_up_to(place: lake.Place, events: int) -> lake.Sealed:
    """What is sealed, once everything of the history is."""
    until = time.monotonic() + SEALING_S
    while True:
        try:
            sealed = lake.sealed(place)
        except (FileNotFoundError, lake.LakeError) as error:
            sealed = error
        if isinstance(sealed, lake.Sealed) and sealed.end >= events:
            return sealed
        assert time.monotonic() < until, f"not sealed in {SEALING_S} s: {sealed}"
        time.sleep(0.2)


def agree(what: str, found, wanted) -> None:
    assert found == wanted, f"{what}: found {found}, SQL says {wanted}"


def check_events(sealed: lake.Sealed) -> None:
    ledger = ledgerline.connect(as_of=str(sealed.end - 1))
    by_type = dict(ledger.ask("select type, count(*) from events group by type").iter_rows())
    talk = ledger.ask("select count(*), sum(talk_ms) from attempts where is_over").row(0)
    legs = ledger.ask(
        "select count(*), sum(packets_received), sum(packets_lost), count(distinct call_id), "
        "count(distinct leg_id) from legs where is_over"
    ).row(0)
    agree("the first event", sealed.base, 0)
    agree("all events", sum(by_type.values()), sealed.end)
    agree("events of records", sum(file["events"] for file in sealed.files), sealed.end)

    for ids in (False, True):
        events = lake.to_polars(sealed, ids)
        found = events.group_by("event_type").len().collect()
        agree("polars, types", dict(found.iter_rows()), by_type)
        span = events.select(pl.col("position").min(), pl.col("position").max().alias("last"))
        agree("polars, positions", span.collect().row(0), (0, sealed.end - 1))
        ended = events.filter(pl.col("event_type") == "AttemptEnded")
        found = ended.select(pl.len(), pl.col("talk_ms__int").sum()).collect().row(0)
        agree("polars, talk", found, talk)
    ended = lake.to_polars(sealed.of("call")).filter(pl.col("event_type") == "LegEnded")
    found = ended.select(
        pl.len(),
        pl.col("packets_received__int").sum(),
        pl.col("packets_lost__int").sum(),
        pl.col("call_id__uuid").n_unique(),
        pl.col("leg_id__uuid").n_unique().alias("legs"),
    )
    agree("polars, legs", found.collect().row(0), legs)

    for ids in (False, True):
        connection = duckdb.connect()
        lake.to_duckdb(connection, "events", sealed, ids)
        found = connection.sql("select event_type, count(*) from events group by 1").fetchall()
        agree("duckdb, types", dict(found), by_type)
        found = connection.sql(
            "select count(*), sum(talk_ms__int) from events where event_type = 'AttemptEnded'"
        )
        agree("duckdb, talk", found.fetchall()[0], talk)
    found = connection.sql(
        "select count(*), sum(packets_received__int), sum(packets_lost__int), "
        "count(distinct call_id__uuid), count(distinct leg_id__uuid) "
        "from events where event_type = 'LegEnded'"
    )
    agree("duckdb, legs", found.fetchall()[0], legs)
    print(f"sealed events agree: {sealed.end} events in {len(sealed.files)} files")


def check_views(place: lake.Place, ask_duckdb) -> None:
    ledgers = {}
    until = time.monotonic() + STORING_S
    while len(views := lake.views(place)) < ALL:
        assert time.monotonic() < until, f"{len(views)} views in {STORING_S} s"
        time.sleep(0.2)
    asked = []
    empty = 0
    for layer, name in views:
        view = lake.view(place, layer, name)
        if view.position not in ledgers:
            ledgers[view.position] = ledgerline.connect(as_of=str(view.position))
        by_polars = view.to_polars().collect()
        numbers = [column for column, kind in by_polars.schema.items() if kind.is_integer()]
        sums = ", ".join(f'sum("{column}")' for column in numbers)
        ledger = ledgers[view.position]
        wanted = ledger.ask(f"select count(*), {sums} from {layer}.{name}").row(0)
        found = (len(by_polars), *by_polars.select(pl.col(numbers).sum()).row(0))
        if wanted[0] == 0:
            empty += 1
            wanted, found = (0,), found[:1]
        agree(f"polars, {layer}.{name}", found, wanted)
        # A view without rows has no files, and the same columns all the same.
        without = view._replace(files=[])
        agree(f"columns of {layer}.{name}", without.to_polars().collect_schema(), by_polars.schema)
        if view.storage_options is None:
            with_rows, empty_types = (duckdb.sql(it.to_sql()).types for it in (view, without))
            agree(f"types of {layer}.{name}", empty_types, with_rows)
        asked.append((f"duckdb, {layer}.{name}", wanted, f"select count(*), {sums} from ({view.to_sql()})"))
    answers = ask_duckdb([sql for _, _, sql in asked])
    for (what, wanted, _), found in zip(asked, answers, strict=True):
        agree(what, tuple(found)[: len(wanted)], wanted)
    assert len(views) - empty >= VIEWS, f"only {len(views) - empty} views have rows"
    print(f"views agree: {len(views)}, {empty} of them empty")


def duckdb_here(questions: list[str]) -> list[tuple]:
    """Answers of the DuckDB of this program."""
    return [duckdb.sql(question).fetchall()[0] for question in questions]


def duckdb_in_store(python: str):
    """Answers of a DuckDB that reads the store by itself: no bytes go through this program."""

    def ask(questions: list[str]) -> list[list]:
        script = pathlib.Path(__file__).with_name("store_duckdb.py")
        asked = json.dumps(questions)
        done = subprocess.run([python, script], input=asked, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return ask


def check_events_in_store(sealed: lake.Sealed, url: str, ask_duckdb) -> None:
    """The same by a DuckDB that has only the URL."""
    ledger = ledgerline.connect(as_of=str(sealed.end - 1))
    wanted = ledger.ask("select count(*), sum(talk_ms) from attempts where is_over").row(0)
    everything = (
        f"read_parquet('{url}/day=*/family=*/*.parquet', hive_partitioning = true, "
        "union_by_name = true)"
    )
    events, attempts = ask_duckdb(
        [
            f"select count(*) from {everything}",
            f"select count(*), sum(talk_ms) from {everything} where event_type = 'AttemptEnded'",
        ]
    )
    agree("duckdb, all events in the store", events, [sealed.end])
    agree("duckdb, attempts in the store", tuple(attempts), wanted)
    print("duckdb reads the store itself")


def wait_for_copies() -> None:
    """Until the store has every view as it is on the disk."""
    until = time.monotonic() + STORING_S
    while True:
        # As of now, and not of a position: what is stored is a matter of the present.
        table, _ = ledgerline.connect().door.ask(
            "select count(*) filter (where stored_at is distinct from position) as behind, "
            "count(stored_at) as stored, min(store_error) as error from system.projections",
            {},
            None,
        )
        [behind] = table.to_pylist()
        if behind["behind"] == 0 and behind["stored"] >= ALL:
            return
        assert time.monotonic() < until, f"not stored in {STORING_S} s: {behind}"
        time.sleep(0.2)


def main(events: str, folder: str, *store: str) -> None:
    if store:
        views, *told, python = store
        sealed = sealed_up_to(lake.in_store(folder, *told), int(events))
        ask_duckdb = duckdb_in_store(python)
        check_events(sealed)
        check_events_in_store(sealed, folder, ask_duckdb)
        wait_for_copies()
        check_views(lake.in_store(views, *told), ask_duckdb)
        return
    check_events(sealed_up_to(lake.on_disk(f"{folder}/log/sealed"), int(events)))
    check_views(lake.on_disk(f"{folder}/projections"), duckdb_here)


main(*sys.argv[1:])
