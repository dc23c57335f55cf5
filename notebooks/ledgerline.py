"""Ask a Ledgerline platform from a notebook, always at one position of its log.

In: where the platform is (`LEDGERLINE_URL`) and questions in SQL. Out: polars data frames, and
pictures. Invariant: every question of one `Ledger` is answered as of the same log position,
which is printed, so that the figures of a notebook fit together and can be made again.
Deliberately absent: writing. Nothing here can change the platform.

| variable | meaning |
| --- | --- |
| `LEDGERLINE_URL` | `grpc://`, `grpc+tls://` (Flight SQL), `http://` or `https://` (`POST /api/sql`) |
| `LEDGERLINE_USER`, `LEDGERLINE_PASSWORD` | who asks, where the platform wants to know |
| `LEDGERLINE_CA` | a file with the certificate authority of the platform, in PEM |
| `LEDGERLINE_AS_OF` | a position or a time instead of the head: makes old figures again |
| `LEDGERLINE_PICTURES` | a folder in which `show` keeps each picture as PNG |
"""

from __future__ import annotations

import base64
import json
import os
import pathlib
import re
import ssl
import urllib.error
import urllib.request

import altair as alt
import polars as pl
import pyarrow as pa
import pyarrow.ipc
import vl_convert

from intervals import wilson

DEFAULT_URL = "http://127.0.0.1:8080"
#: Where saved questions are: `queries/` beside this folder.
QUERIES = pathlib.Path(__file__).resolve().parent.parent / "queries"
#: Seconds an answer may take.
TIMEOUT_S = 600


class Refused(Exception):
    """The platform did not answer; the text says why."""


class Http:
    """Questions over `POST /api/sql`, answered as an Arrow stream."""

    def __init__(self, url: str, user: str | None, password: str | None, ca: str | None):
        self.name = "HTTP"
        self.url = url.rstrip("/") + "/api/sql"
        self.headers = {"content-type": "application/json"}
        if user:
            word = base64.b64encode(f"{user}:{password or ''}".encode()).decode()
            self.headers["authorization"] = f"Basic {word}"
        self.tls = ssl.create_default_context(cafile=ca) if url.startswith("https") else None

    def ask(self, sql: str, params: dict[str, str], as_of: str | None) -> tuple[pa.Table, int]:
        """The answer, and the position it was given at."""
        question = {"sql": sql, "params": params, "format": "arrow"}
        if as_of is not None:
            question["as_of"] = as_of
        request = urllib.request.Request(
            self.url, data=json.dumps(question).encode(), headers=self.headers
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=self.tls) as response:
                position = int(response.headers.get("ledgerline-position", "-1"))
                return pa.ipc.open_stream(response.read()).read_all(), position
        except urllib.error.HTTPError as error:
            body = error.read().decode(errors="replace")
            try:
                told = json.loads(body)["error"]
                body = f"{told['code']}: {told['message']}"
            except (ValueError, KeyError, TypeError):
                pass
            raise Refused(f"{body}\nin: {sql.strip()}") from None
        except urllib.error.URLError as error:
            raise Refused(
                f"no platform at {self.url}: {error.reason}; "
                "start one with `ledgerline run`, or set LEDGERLINE_URL"
            ) from None


class FlightSql:
    """Questions over Arrow Flight SQL, through ADBC."""

    def __init__(self, url: str, user: str | None, password: str | None, ca: str | None):
        from adbc_driver_flightsql import DatabaseOptions, dbapi

        self.name = "Flight SQL"
        options = {}
        if user:
            options |= {"username": user, "password": password or ""}
        if ca:
            options[DatabaseOptions.TLS_ROOT_CERTS.value] = pathlib.Path(ca).read_text()
        self.errors = dbapi.Error
        # There are no transactions to begin: nothing is written.
        self.connection = dbapi.connect(url, db_kwargs=options, autocommit=True)

    def ask(self, sql: str, params: dict[str, str], as_of: str | None) -> tuple[pa.Table, int]:
        """The answer. The position is not told; it is that of `as_of`."""
        with self.connection.cursor() as cursor:
            if as_of is not None:
                header = "adbc.flight.sql.rpc.call_header.ledgerline-as-of"
                cursor.adbc_statement.set_options(**{header: as_of})
            # Values are bound in the order of their names.
            values = [params[name] for name in sorted(params)]
            try:
                cursor.execute(sql, values or None)
                return cursor.fetch_arrow_table(), -1
            except self.errors as error:
                raise Refused(f"{error}\nin: {sql.strip()}") from None


class Ledger:
    """A platform's log at one position."""

    def __init__(self, door, as_of: str | None):
        self.door = door
        first, position = door.ask(
            "select max(position) as position, max(recorded_at) as recorded_at from events",
            {},
            as_of,
        )
        row = first.to_pylist()[0]
        if row["position"] is None:
            raise Refused("the log is empty; `ledgerline sim history` makes one to try")
        #: The last event that every answer sees.
        self.position = position if position >= 0 else row["position"]
        #: When the log took that event.
        self.recorded_at = row["recorded_at"]

    def ask(self, sql: str, **params: str) -> pl.DataFrame:
        """The answer to a question, as of this position; `$name` in it is bound to `name=`."""
        table, position = self.door.ask(sql, params, str(self.position))
        if position not in (-1, self.position):
            raise Refused(f"asked as of position {self.position}, answered as of {position}")
        frame = pl.from_arrow(table)
        return frame if isinstance(frame, pl.DataFrame) else frame.to_frame()

    def saved(self, name: str, **params: str) -> pl.DataFrame:
        """The answer to a saved question of `queries/`, such as `funnel_by_campaign`.

        Parameters that may be left out are bound to the empty text, as the command line does.
        """
        path = next((it for it in QUERIES.rglob(f"{name}.sql")), None)
        if path is None:
            raise Refused(f"no saved question {name} below {QUERIES}")
        sql = path.read_text(encoding="utf-8")
        wanted = set(re.findall(r"\$([a-z_]+)", sql))
        unknown = set(params) - wanted
        if unknown:
            raise Refused(f"{path.name} has no parameter {', '.join(sorted(unknown))}")
        return self.ask(sql, **{name: params.get(name, "") for name in sorted(wanted)})

    def __str__(self) -> str:
        return (
            f"Log position {self.position:,}, recorded at {self.recorded_at:%Y-%m-%d %H:%M:%S} UTC, "
            f"asked over {self.door.name}."
        )


def connect(url: str | None = None, as_of: str | None = None) -> Ledger:
    """The platform at `url` or `LEDGERLINE_URL`; prints the position that is read."""
    url = url or os.environ.get("LEDGERLINE_URL") or DEFAULT_URL
    as_of = as_of or os.environ.get("LEDGERLINE_AS_OF") or None
    user, password = os.environ.get("LEDGERLINE_USER"), os.environ.get("LEDGERLINE_PASSWORD")
    ca = os.environ.get("LEDGERLINE_CA")
    if url.startswith(("http://", "https://")):
        door = Http(url, user, password, ca)
    elif url.startswith(("grpc://", "grpc+tls://")):
        door = FlightSql(url, user, password, ca)
    else:
        raise Refused(f"{url} begins with none of grpc://, grpc+tls://, http://, https://")
    ledger = Ledger(door, as_of)
    print(ledger)
    return ledger


# Pictures.

#: Colours that people with colour blindness can tell apart (Okabe and Ito).
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7F7F7F", "#B8A500"]
FONT = "Noto Sans, Noto Sans CJK SC, Source Han Sans SC, Microsoft YaHei, PingFang SC, sans-serif"
WEEKDAYS = ["Mon 一", "Tue 二", "Wed 三", "Thu 四", "Fri 五", "Sat 六", "Sun 日"]


@alt.theme.register("ledgerline", enable=True)
def theme() -> alt.theme.ThemeConfig:
    """Quiet axes, one font for both languages, room for long names."""
    return alt.theme.ThemeConfig(
        background="white",
        padding=12,
        config={
            "font": FONT,
            "view": {"continuousWidth": 620, "continuousHeight": 280, "stroke": None,
                     "discreteWidth": {"step": 36}},
            "title": {
                "anchor": "start",
                "fontSize": 15,
                "subtitleFontSize": 12,
                "subtitleColor": "#555555",
                "offset": 12,
                "subtitlePadding": 4,
            },
            "axis": {
                "labelFontSize": 11,
                "titleFontSize": 11,
                "titleFontWeight": "normal",
                "titleColor": "#555555",
                "gridColor": "#E8E8E8",
                "domainColor": "#999999",
                "tickColor": "#999999",
                "labelLimit": 240,
            },
            "legend": {
                "labelFontSize": 11,
                "titleFontSize": 11,
                "titleFontWeight": "normal",
                "labelLimit": 240,
            },
            "header": {"labelFontSize": 12, "titleFontSize": 11, "labelAnchor": "start"},
            "mark": {"color": COLOURS[0]},
            "point": {"opacity": 1, "filled": True},
            "range": {"category": COLOURS},
        },
    )


alt.data_transformers.disable_max_rows()
alt.renderers.enable("png", scale_factor=1.5)


def shares(frame: pl.DataFrame, successes: str, trials: str) -> pl.DataFrame:
    """The frame with `share`, `low` and `high`: the share and its 95 % interval (Wilson)."""
    edges = [wilson(hits, of) for hits, of in frame.select(successes, trials).iter_rows()]
    return frame.with_columns(
        (pl.col(successes) / pl.col(trials)).alias("share"),
        pl.Series("low", [low for low, _ in edges], dtype=pl.Float64),
        pl.Series("high", [high for _, high in edges], dtype=pl.Float64),
    )


def titled(chart, english: str, chinese: str, *subtitle: str):
    """The chart under a title in both languages."""
    title = alt.TitleParams(text=f"{english} · {chinese}", subtitle=list(subtitle))
    return chart.properties(title=title)


def show(chart, name: str):
    """The chart for a notebook's output; kept as `<name>.png` where pictures are wanted."""
    folder = os.environ.get("LEDGERLINE_PICTURES")
    if folder:
        place = pathlib.Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        png = vl_convert.vegalite_to_png(chart.to_json(), scale=1.5)
        (place / f"{name}.png").write_bytes(png)
    return chart


def rows(frame: pl.DataFrame, limit: int = 40):
    """A table with every column, and no more rows than can be read."""
    with pl.Config(
        tbl_rows=limit,
        tbl_cols=-1,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_formatting="MARKDOWN",
        tbl_width_chars=200,
        fmt_str_lengths=60,
        float_precision=2,
        thousands_separator=",",
    ):
        print(frame.head(limit))
