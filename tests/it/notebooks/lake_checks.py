"""Reads the lake with DuckDB and polars and compares counts and sums with SQL over HTTP, at the
same position of the log: EVENTS, then a data folder, or the store's URL, endpoint, key, secret."""

import pathlib
import sys
import time

import duckdb
import polars as pl

import lake
import ledgerline

SEALING_S = STORING_S = 120
#: Views there are at least.
VIEWS = 8


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


def check_views(place: lake.Place) -> None:
    ledgers = {}
    seen = 0
    until = time.monotonic() + STORING_S
    while len(manifests := sorted(pathlib.Path(place.folder).glob("*/*/manifest.json"))) < VIEWS:
        assert time.monotonic() < until, f"{len(manifests)} views in {STORING_S} s"
        time.sleep(0.2)
    for manifest in manifests:
        layer, name = manifest.parent.parent.name, manifest.parent.name
        view = lake.view(place, layer, name)
        if view.position not in ledgers:
            ledgers[view.position] = ledgerline.connect(as_of=str(view.position))
        by_polars = pl.read_parquet(view.files)
        numbers = [column for column, kind in by_polars.schema.items() if kind.is_integer()]
        sums = ", ".join(f'sum("{column}")' for column in numbers)
        ledger = ledgers[view.position]
        wanted = ledger.ask(f"select count(*), {sums} from {layer}.{name}").row(0)
        found = (len(by_polars), *by_polars.select(pl.col(numbers).sum()).row(0))
        agree(f"polars, {layer}.{name}", found, wanted)
        found = duckdb.read_parquet(view.files).aggregate(f"count(*), {sums}").fetchall()[0]
        agree(f"duckdb, {layer}.{name}", found, wanted)
        seen += wanted[0] > 0
    assert seen >= VIEWS, f"only {seen} views have rows"
    print(f"views agree: {seen}")


def main(events: str, folder: str, *store: str) -> None:
    if store:
        check_events(sealed_up_to(lake.in_store(folder, *store), int(events)))
        return
    check_events(sealed_up_to(lake.on_disk(f"{folder}/log/sealed"), int(events)))
    check_views(lake.on_disk(f"{folder}/projections"))


main(*sys.argv[1:])
