"""The lake: sealed events and stored views, read as the Parquet files they are.

In: a folder or an S3-compatible store. Out: lists of files that belong together, and frames of
polars or relations of DuckDB over them. Invariants: only files that a seal record or a manifest
names are read, so that what an interrupted write left behind counts nowhere; and every field has
one name in all files, `<field>__<kind>`.
Deliberately absent: events that are not sealed yet, and a running platform: nobody is asked.

docs/lake.md says what lies where, and shows the same without this file.
"""

from __future__ import annotations

import json
import pathlib
from typing import NamedTuple

import polars as pl
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

#: Columns that every event has, whatever its type. Of the last two a file has one.
ENVELOPE = [
    "position", "stream", "revision", "event_type", "schema_version", "event_id", "actor",
    "recorded_at", "occurred_at", "correlation_id", "causation_id", "shape",
    "causation_revision", "causation_position",
]


class LakeError(Exception):
    """What lies there is no lake, or not a whole one."""


class Place(NamedTuple):
    """A folder, here or in a store."""

    files: pyarrow.fs.FileSystem
    folder: str
    #: What polars is told about the store; nothing for a folder of this machine.
    storage_options: dict[str, str] | None

    def uri_of(self, path: str) -> str:
        """A file, as polars names it."""
        return f"s3://{path}" if self.storage_options is not None else path

    def read(self, path: str) -> bytes:
        with self.files.open_input_file(f"{self.folder}/{path}") as file:
            return file.read()


def on_disk(folder: str | pathlib.Path) -> Place:
    """A folder of this machine."""
    return Place(pyarrow.fs.LocalFileSystem(), str(folder).rstrip("/"), None)


def in_store(url: str, endpoint: str | None, key: str, secret: str, region="us-east-1") -> Place:
    """A prefix in a bucket, such as `s3://calls/ledgerline/log`."""
    scheme, _, rest = (endpoint or "https://").partition("://")
    files = pyarrow.fs.S3FileSystem(
        access_key=key,
        secret_key=secret,
        region=region,
        endpoint_override=rest or None,
        scheme=scheme,
    )
    options = {"aws_access_key_id": key, "aws_secret_access_key": secret, "aws_region": region}
    if endpoint:
        options["aws_endpoint_url"] = endpoint
        options["aws_allow_http"] = "true" if scheme == "http" else "false"
    return Place(files, url.removeprefix("s3://").rstrip("/"), options)


# Sealed events.


class Sealed(NamedTuple):
    """The sealed part of a log: all events of positions `base` up to `end`, `end` not included."""

    place: Place
    base: int
    end: int
    #: Entries of seal records: path, day, family, events and more.
    files: list[dict]

    def of(self, *families: str, since: str = "", until: str = "9") -> Sealed:
        """The files of some families, of days `since` up to `until` (included), UTC."""
        wanted = [
            file
            for file in self.files
            if (not families or file["family"] in families) and since <= file["day"] <= until
        ]
        return self._replace(files=wanted)


def sealed(place: Place) -> Sealed:
    """What is sealed at a place: the folder `log/sealed`, or the store's prefix.

    It begins at position 0, but in a store that was configured later. Where two records overlap
    the wider one counts: it is a merge of which the parts are still there.
    """
    is_store = place.storage_options is not None
    listed = place.files.get_file_info(pyarrow.fs.FileSelector(place.folder))
    names = [entry.base_name for entry in listed if entry.base_name.endswith(".json")]
    found = [json.loads(place.read(name))["record"] for name in names]
    found.sort(key=lambda record: (record["base"], -record["end"]))
    base = found[0]["base"] if is_store and found else 0
    end, files = base, []
    for record in found:
        if record["base"] == end:
            if not is_store and "store" in record:
                raise LakeError(f"events from position {end} on are in {record['store']}")
            end = record["end"]
            files += record["files"]
        elif record["base"] > end:
            raise LakeError(f"no seal record of {place.folder} begins at position {end}")
    return Sealed(place, base, end, files)


class Named(NamedTuple):
    """How streams are named after an id: those that are have no `stream` in the file."""

    #: The column of the id.
    column: str
    prefix: str
    #: Whether such an event without a correlation id has that id for it.
    is_correlation: bool


class Follows(NamedTuple):
    """A number that a file leaves out where it follows from another column."""

    column: str
    event_type: str
    #: `occurred_at`, which is its microseconds since 1970, or `position - 1` and so on.
    origin: str


class Group(NamedTuple):
    """Files that have the same columns under the same names."""

    #: What a column is called in the files, and here.
    columns: list[tuple[str, str]]
    #: Columns (as called here) that DuckDB 2.0 and polars 2.1 cannot decode. Files of version
    #: 0.2.0 have ids in an encoding that both know for numbers only; pyarrow does know it.
    undecoded: frozenset[str]
    named: Named | None
    follows: tuple[Follows, ...]
    files: list[str]


def groups(events: Sealed) -> list[Group]:
    """The files by their columns.

    A file names a column like its field, `kind`, and a second kind of value `kind__json`; which
    is which differs from file to file and stands in the file's metadata. Here each field is
    `<field>__<kind>` in all files.
    """
    found: dict[tuple, Group] = {}
    for file in events.files:
        path = f"{events.place.folder}/{file['path']}"
        footer = pyarrow.parquet.read_metadata(path, filesystem=events.place.files)
        told = json.loads(footer.metadata[b"ledgerline.columns"])
        columns = [(name, name) for name in ENVELOPE if name in footer.schema.names]
        columns += [(it["column"], f"{it.get('field', it['column'])}__{it['kind']}") for it in told]
        undecoded = frozenset(dict(columns).get(name, name) for name in _undecoded(footer))
        named = _named(footer, columns)
        follows = _follows(footer, columns)
        group = Group(columns, undecoded, named, follows, [])
        found.setdefault((*columns, undecoded, named, follows), group).files.append(path)
    if not found:
        raise LakeError(f"no files of {events.place.folder} are wanted")
    return list(found.values())


def _named(footer, columns: list[tuple[str, str]]) -> Named | None:
    if (text := footer.metadata.get(b"ledgerline.stream")) is None:
        return None
    rule = json.loads(text)
    called = f"{rule['field']}__uuid"
    column = next(column for column, name in columns if name == called)
    return Named(column, rule["prefix"], rule["is_correlation"])


def _follows(footer, columns: list[tuple[str, str]]) -> tuple[Follows, ...]:
    told = json.loads(footer.metadata.get(b"ledgerline.follows", b"{}"))
    column = {name: column for column, name in columns}
    return tuple(
        Follows(column[f"{field}__int"], event_type, origin)
        for event_type, fields in told.items()
        for field, origin in fields.items()
    )


def _undecoded(footer) -> set[str]:
    names = set()
    for number in range(footer.num_row_groups):
        part = footer.row_group(number)
        for column in map(part.column, range(part.num_columns)):
            is_fixed = column.physical_type == "FIXED_LEN_BYTE_ARRAY"
            if is_fixed and {"BYTE_STREAM_SPLIT", "DELTA_BYTE_ARRAY"} & set(column.encodings):
                names.add(column.path_in_schema)
    return names


def _dataset(events: Sealed, group: Group):
    return pyarrow.dataset.dataset(group.files, filesystem=events.place.files, format="parquet")


def to_polars(events: Sealed, ids: bool = True) -> pl.LazyFrame:
    """One frame of all these events; a field that a file has not is null there.

    Without `ids` polars reads the files itself, and ids it cannot decode are left out; with them
    such files are read by pyarrow.
    """
    frames = []
    for group in groups(events):
        if ids and group.undecoded:
            frame = pl.scan_pyarrow_dataset(_dataset(events, group))
        else:
            frame = pl.scan_parquet(
                [events.place.uri_of(path) for path in group.files],
                storage_options=events.place.storage_options,
                hive_partitioning=False,
            )
        told = _told_to_polars(group)
        wanted = [
            told.get(column, pl.col(column)).alias(name)
            for column, name in group.columns
            if ids or name not in group.undecoded
        ]
        frames.append(frame.select(wanted))
    return pl.concat(frames, how="diagonal")


def _told_to_polars(group: Group) -> dict[str, pl.Expr]:
    """What stands in a column where the file leaves it out."""
    told = {}
    for column, event_type, origin in group.follows:
        number = pl.col("occurred_at").dt.epoch("us")
        if origin != "occurred_at":
            number = pl.col("position") - int(origin.removeprefix("position - "))
        is_of_type = pl.col("event_type") == event_type
        left_out = pl.when(is_of_type).then(number)
        told[column] = pl.coalesce(told.get(column, pl.col(column)), left_out)
    if (named := group.named) is None:
        return told
    digits = pl.col(named.column).bin.encode("hex")
    parts = [digits.str.slice(at, length) for at, length in [(0, 8), (8, 4), (12, 4), (16, 4), (20, 12)]]
    written = pl.concat_str(pl.lit(named.prefix), pl.concat_str(parts, separator="-"))
    told["stream"] = pl.coalesce("stream", written)
    if named.is_correlation:
        id = pl.when(pl.col("stream").is_null()).then(named.column)
        told["correlation_id"] = pl.coalesce("correlation_id", id)
    return told


def _told_to_duckdb(group: Group) -> dict[str, str]:
    told = {}
    for column, event_type, origin in group.follows:
        number = "epoch_us(occurred_at)" if origin == "occurred_at" else origin
        event_type = event_type.replace("'", "''")
        left_out = f"case when event_type = '{event_type}' then {number} end"
        there = told.get(column, f'"{column}"')
        told[column] = f"coalesce({there}, {left_out})"
    if (named := group.named) is None:
        return told
    prefix = named.prefix.replace("'", "''")
    told["stream"] = f"""coalesce(stream, '{prefix}' || cast("{named.column}" as varchar))"""
    if named.is_correlation:
        id = f'case when stream is null then "{named.column}" end'
        told["correlation_id"] = f"coalesce(correlation_id, {id})"
    return told


def to_duckdb(connection, name: str, events: Sealed, ids: bool = True) -> None:
    """A view of this name over all these events, in a connection of DuckDB.

    Without `ids`, DuckDB reads the files itself, and ids it cannot decode are left out; with them
    such files are read by pyarrow, and so are those of a store: DuckDB would have to fetch an
    extension for it.
    """
    parts = []
    found = groups(events)
    is_remote = events.place.storage_options is not None
    is_through_arrow = is_remote or (ids and any(group.undecoded for group in found))
    for number, group in enumerate(found):
        told = _told_to_duckdb(group)
        wanted = ", ".join(
            f"""{told.get(column, f'"{column}"')} as "{called}\""""
            for column, called in group.columns
            if ids or called not in group.undecoded
        )
        if is_through_arrow:
            table = f"{name}__{number}"
            connection.register(table, _dataset(events, group))
            source = f'"{table}"'
        else:
            listed = ", ".join("'" + path.replace("'", "''") + "'" for path in group.files)
            source = f"read_parquet([{listed}], hive_partitioning = false)"
        parts.append(f"select {wanted} from {source}")
    union = " union all by name ".join(parts)
    connection.execute(f'create or replace temporary view "{name}" as {union}')


# Stored views.

#: What the kinds of columns are in polars and in SQL.
KINDS = {
    "int64": (pl.Int64, "bigint"),
    "text": (pl.String, "varchar"),
    "moment": (pl.Datetime("us", "UTC"), "timestamptz"),
    "bool": (pl.Boolean, "boolean"),
    "binary": (pl.Binary, "blob"),
}


class StoredView(NamedTuple):
    """A view as its manifest has it."""

    #: The last log position that is in it; nothing where the log was empty.
    position: int | None
    #: Names and kinds.
    columns: list[tuple[str, str]]
    #: None where it has no rows.
    files: list[str]
    #: What polars is told about the store; nothing for a folder of this machine.
    storage_options: dict[str, str] | None

    def to_polars(self) -> pl.LazyFrame:
        """Its rows; polars reads the files itself."""
        if not self.files:
            return pl.LazyFrame(schema={name: KINDS[kind][0] for name, kind in self.columns})
        return pl.scan_parquet(
            self.files, storage_options=self.storage_options, hive_partitioning=False
        )

    def to_sql(self) -> str:
        """Its rows as a question for DuckDB, which reads the files itself."""
        if not self.files:
            empty = ", ".join(f'null::{KINDS[kind][1]} as "{name}"' for name, kind in self.columns)
            return f"select {empty} limit 0"
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in self.files)
        return f"select * from read_parquet([{listed}], hive_partitioning = false)"


def views(place: Place) -> list[tuple[str, str]]:
    """Layer and name of every view there is: below `projections`, or the prefix of a store."""
    found = place.files.get_file_info(pyarrow.fs.FileSelector(place.folder, recursive=True))
    paths = [entry.path.split("/") for entry in found if entry.base_name == "manifest.json"]
    return sorted((path[-3], path[-2]) for path in paths)


def view(place: Place, layer: str, name: str) -> StoredView:
    """What is stored of a view, below `projections` of a data folder or the prefix of a store."""
    folder = f"{layer}/{name}"
    manifest = json.loads(place.read(f"{folder}/manifest.json"))
    columns = [(column["name"], column["kind"]) for column in manifest["columns"]]
    names = [entry["file"] for entry in manifest["files"].values()]
    files = [place.uri_of(f"{place.folder}/{folder}/{file}") for file in names]
    return StoredView(manifest["position"], columns, files, place.storage_options)
