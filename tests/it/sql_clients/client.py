"""Clients of PostgreSQL that others wrote, against a platform that runs.

Usage: client.py CONNECTION CA_FILE. Prints one line of JSON for each check, with what was seen
where it failed.
"""

import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import sqlalchemy
from psycopg.rows import dict_row

HERE = Path(__file__).parent
URL, CA = sys.argv[1], sys.argv[2]
HOST, PORT = urlsplit(URL).hostname, urlsplit(URL).port
PASSWORD = "changeit"
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def connect(user="board", password=PASSWORD, autocommit=True, **more):
    options = {"sslmode": "verify-full", "sslrootcert": CA, "dbname": "ledgerline"} | more
    return psycopg.connect(
        host=HOST, port=PORT, user=user, password=password, autocommit=autocommit, **options
    )


def rows(sql, *values, **more):
    with connect(**more) as connection:
        return connection.execute(sql, *values).fetchall()


def refusal(sql, *values, **more):
    """The code of the error that a statement ends with."""
    with connect(**more) as connection:
        try:
            connection.execute(sql, *values).fetchall()
        except psycopg.Error as error:
            return error.sqlstate
    raise AssertionError(f"{sql}: answered")


def psql(*arguments, mode="verify-full", user="board", password=PASSWORD, stdin=None):
    where = f"host={HOST} port={PORT} user={user} dbname=ledgerline sslmode={mode} sslrootcert={CA}"
    environment = {"PATH": os.environ["PATH"], "PGPASSWORD": password, "HOME": "/nonexistent"}
    command = ["psql", "--no-psqlrc", "--set", "ON_ERROR_STOP=1", where, *arguments]
    return subprocess.run(
        command, env=environment, input=stdin, capture_output=True, text=True, timeout=120
    )


def expect(condition, seen):
    if not condition:
        raise AssertionError(str(seen)[:2_000])


# --- psql


@check
def psql_connects_by_verify_full_and_lists_tables():
    done = psql("-c", r"\d")
    expect(done.returncode == 0 and "attempts" in done.stdout, done)
    done = psql("-c", r"\dt *.*")
    expect(done.returncode == 0 and "attempts" in done.stdout, done)
    done = psql("-c", r"\dv operational.*")
    expect(done.returncode == 0 and "calls_hourly" in done.stdout, done)
    done = psql("-c", r"\dn")
    expect(done.returncode == 0 and "operational" in done.stdout, done)


@check
def psql_describes_a_table_and_a_view():
    done = psql("-c", r"\d attempts")
    expect(done.returncode == 0, done)
    expect(re.search(r"started_at +\| timestamp with time zone", done.stdout), done)
    expect(re.search(r"talk_ms +\| bigint", done.stdout), done)
    done = psql("-c", r"\d operational.calls_hourly")
    expect(done.returncode == 0 and "campaign_id" in done.stdout, done)


@check
def psql_asks():
    done = psql("-At", "-c", "select campaign_id, name from campaigns")
    expect(done.returncode == 0 and done.stdout == "loans|Loans\n", done)
    done = psql("-At", "-c", "select 1; select 2")
    expect(done.stdout == "1\n2\n", done)
    done = psql("-At", stdin="select 1;\nbegin;\nselect count(*) > 0 from events;\ncommit;\n")
    expect(done.stdout == "1\nBEGIN\nt\nCOMMIT\n", done)


@check
def psql_binds_its_channel():
    where = f"channel_binding=require host={HOST} port={PORT} user=board dbname=x sslmode=require"
    environment = {"PATH": os.environ["PATH"], "PGPASSWORD": PASSWORD}
    command = ["psql", "--no-psqlrc", where, "-At", "-c", "select 1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    expect(done.stdout == "1\n", done)


@check
def psql_without_tls_is_refused():
    done = psql("-c", "select 1", mode="disable")
    expect(done.returncode != 0 and "TLS" in done.stderr, done)


@check
def psql_with_a_wrong_password_or_name_is_refused_alike():
    wrong = psql("-c", "select 1", password="guess")
    nobody = psql("-c", "select 1", user="nobody")
    for done in (wrong, nobody):
        expect(done.returncode != 0 and "password authentication failed" in done.stderr, done)
    said = [re.sub("board|nobody", "?", done.stderr) for done in (wrong, nobody)]
    expect(said[0] == said[1], said)


@check
def psql_changes_nothing():
    for sql in ["delete from attempts", "drop table attempts", "create table t (a int)"]:
        done = psql("-c", r"\set VERBOSITY verbose", "-c", sql)
        expect(done.returncode != 0 and "25006" in done.stderr, done)


# --- a driver


@check
def values_are_what_they_were():
    row = rows(
        "select 1::int, 9223372036854775807::bigint, 1.5::double precision, true, 'ü€', null,"
        " timestamp '2026-11-21 09:30:00', date '2026-11-21', cast('12.34' as decimal(10, 2)),"
        " array[1, 2, null]"
    )[0]
    import datetime
    import decimal

    expected = (
        1, 2**63 - 1, 1.5, True, "ü€", None,
        datetime.datetime(2026, 11, 21, 9, 30), datetime.date(2026, 11, 21),
        decimal.Decimal("12.34"), [1, 2, None],
    )
    expect(row == expected, row)
    moment = rows("select recorded_at from events order by position limit 1")[0][0]
    expect(moment.tzinfo is not None and moment.year >= 2026, moment)


@check
def values_in_binary_are_the_same_as_in_text():
    sql = "select position, type, recorded_at, schema_version, call_id from events order by position"
    with connect() as connection:
        text = connection.cursor(binary=False).execute(sql).fetchall()
        binary = connection.cursor(binary=True).execute(sql).fetchall()
    expect(text == binary and len(text) > 3, (text[:2], binary[:2]))


@check
def values_are_bound():
    sql = "select campaign_id from campaigns where campaign_id = %s and leads >= %s"
    expect(rows(sql, ("loans", 0)) == [("loans",)], "loans")
    expect(rows(sql, ("loans'; select 1; --", 0)) == [], "pasted")
    expect(rows("select %s::bigint + %s", (40, 2)) == [(42,)], "sum")
    moment = rows("select min(recorded_at) from events")[0][0]
    expect(rows("select count(*) from events where recorded_at < %s", (moment,)) == [(0,)], moment)
    expect(refusal("select %s::bigint", ("x",)) == "22P02", "not a number")


@check
def a_statement_that_is_kept_sees_what_is_new():
    with connect() as connection:
        for _ in range(8):
            found = connection.execute("select %s::text", ("a",), prepare=True).fetchall()
            expect(found == [("a",)], found)
        with connect() as other:
            other.execute("select 1")
        connection.execute("deallocate all")


@check
def rows_come_in_portions():
    with connect(autocommit=False) as connection:
        with psycopg.ClientCursor(connection) as cursor:
            cursor.execute("select value from generate_series(1, 100000)")
            expect(len(cursor.fetchall()) == 100_000, "rows")
    with socket_signed_in() as wire:
        wire.send(b"P", b"\0select value from generate_series(1, 10)\0\0\0")
        wire.send(b"B", b"\0\0" + b"\0\0" * 3)
        for most in (4, 4, 4):
            wire.send(b"E", b"\0" + struct.pack("!i", most))
        wire.send(b"S", b"")
        kinds = wire.until(b"Z")
        expect(kinds == b"12DDDDsDDDDsDDCZ", kinds)


@check
def a_long_answer_streams():
    with connect() as connection:
        seen = 0
        for (value,) in connection.cursor().stream("select value from generate_series(1, 300000)"):
            seen += 1
        expect(seen == 300_000 and value == seen, (seen, value))


@check
def errors_have_their_codes():
    for sql, code in [
        ("select * from no_such_table", "42P01"),
        ("select no_such_column from attempts", "42703"),
        ("select no_such_function(1)", "42883"),
        ("selec 1", "42601"),
        ("select 1/0", "22012"),
        ("select 'x'::int", "22P02"),
        ("update attempts set talk_ms = 0", "25006"),
        ("insert into attempts select * from attempts", "25006"),
        ("copy attempts to stdout", "0A000"),
        ("set no_such_setting = 1", "42704"),
        ("set client_encoding = 'LATIN1'", "22023"),
        ("show no_such_setting", "42704"),
    ]:
        expect(refusal(sql) == code, (sql, refusal(sql)))


@check
def an_error_ends_neither_session_nor_transaction_silently():
    with connect(autocommit=False) as connection:
        connection.execute("select 1")
        for code in ("42P01", "25P02"):
            try:
                connection.execute("select * from no_such_table")
                raise AssertionError("answered")
            except psycopg.Error as error:
                expect(error.sqlstate == code, error.sqlstate)
        connection.rollback()
        expect(connection.execute("select 1").fetchall() == [(1,)], "after")


@check
def settings_are_kept_and_shown():
    with connect(application_name="a check") as connection:
        show = lambda name: connection.execute(f"show {name}").fetchone()[0]
        expect(show("application_name") == "a check", show("application_name"))
        expect(show("server_version") == "16.6", show("server_version"))
        expect(show("transaction_read_only") == "on", "on")
        connection.execute("set extra_float_digits = 3")
        expect(show("extra_float_digits") == "3", "3")
        connection.execute("reset all")
        expect(show("extra_float_digits") == "1", "1")
        expect(len(connection.execute("show all").fetchall()) > 30, "all")
        connection.execute("discard all")
        expect(connection.info.parameter_status("TimeZone") == "UTC", "UTC")
        user = connection.execute("select current_user, current_database()").fetchone()
        expect(user == ("board", "ledgerline"), user)
        expect(connection.execute("select version()").fetchone()[0].startswith("PostgreSQL 16"), "")


@check
def any_earlier_moment_can_be_asked_about():
    with connect() as connection:
        count = lambda: connection.execute("select count(*) from events").fetchone()[0]
        connection.execute("set as_of = '2'")
        expect(count() == 3, count())
        expect(connection.execute("show as_of").fetchone() == ("2",), "2")
        connection.execute("set as_of = head")
        expect(count() > 3, count())
        try:
            connection.execute("set as_of = 'yesterday'")
            raise AssertionError("taken")
        except psycopg.Error as error:
            expect(error.sqlstate == "22023", error.sqlstate)
    expect(rows("select count(*) from events", options="-c as_of=2") == [(3,)], "option")


# --- limits


SLOW = "select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b where a.value * b.value % 7 = 1"


@check
def a_question_that_takes_too_long_ends():
    begun = time.monotonic()
    with connect() as connection:
        connection.execute("set statement_timeout = 300")
        try:
            connection.execute(SLOW).fetchall()
            raise AssertionError("answered")
        except psycopg.errors.QueryCanceled as error:
            expect("timeout" in str(error), error)
        connection.execute("set statement_timeout = 0")
        expect(connection.execute("select 1").fetchall() == [(1,)], "after")
    expect(time.monotonic() - begun < 20, time.monotonic() - begun)


@check
def a_question_is_cancelled():
    with connect() as connection:
        timer = threading.Timer(0.5, connection.cancel_safe)
        timer.start()
        begun = time.monotonic()
        try:
            connection.execute(SLOW).fetchall()
            raise AssertionError("answered")
        except psycopg.errors.QueryCanceled as error:
            expect("user request" in str(error), error)
        expect(time.monotonic() - begun < 20, time.monotonic() - begun)
        timer.join()
        expect(connection.execute("select 1").fetchall() == [(1,)], "after")


@check
def more_connections_than_there_may_be_are_refused_and_seats_come_back():
    held = [connect() for _ in range(10)]
    try:
        said = ""
        try:
            connect().close()
        except psycopg.OperationalError as error:
            said = str(error)
        expect("as many connections" in said, said)
        # A cancel needs no seat.
        held[0].cancel_safe()
    finally:
        for connection in held:
            connection.close()
    wait_for_seats()


def wait_for_seats():
    """All ten seats are there again."""
    end = time.monotonic() + 30
    while True:
        held = []
        try:
            held = [connect() for _ in range(10)]
            return
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
        finally:
            for connection in held:
                connection.close()


@check
def who_vanishes_leaves_nothing_behind():
    for _ in range(6):
        wire = socket_signed_in()
        wire.send(b"Q", SLOW.encode() + b"\0")
        wire.vanish()
    for _ in range(3):
        wire = socket_signed_in()
        wire.send(b"Q", b"select value from generate_series(1, 100000000)\0")
        wire.until(b"D")
        wire.vanish()
    wait_for_seats()
    begun = time.monotonic()
    expect(rows("select 1") == [(1,)], "after")
    expect(time.monotonic() - begun < 20, time.monotonic() - begun)


@check
def nonsense_is_refused_and_the_server_goes_on():
    generator = __import__("random").Random(7)
    for size in (1, 7, 8, 40, 9_000, 70_000):
        with socket.create_connection((HOST, PORT)) as plain:
            plain.settimeout(30)
            try:
                plain.sendall(generator.randbytes(size))
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(4096):
                    pass
            except OSError:
                pass
    for kind, body in [
        (b"B", b"\0\0\0\x01\x7f\xff"),
        (b"P", b"no end"),
        (b"!", b""),
        (b"D", b"X\0"),
        (b"E", b"\0"),
        (b"Q", b"\xff\xfe\0"),
    ]:
        with socket_signed_in() as wire:
            wire.send(kind, body)
            expect(wire.until(b"E")[-1:] == b"E", kind)
    with socket_signed_in() as wire:
        wire.raw(b"Q\x3f\xff\xff\xff")
        expect(wire.until(b"E")[-1:] == b"E", "a gigabyte")
    with socket_signed_in() as wire:
        wire.raw(b"Q\0\0\0\x64select")
        wire.vanish()
    wait_for_seats()


class Wire:
    """A connection without a driver."""

    def __init__(self):
        context = ssl.create_default_context(cafile=CA)
        plain = socket.create_connection((HOST, PORT))
        plain.settimeout(60)
        plain.sendall(struct.pack("!ii", 8, 80877103))
        expect(plain.recv(1) == b"S", "TLS")
        self.stream = context.wrap_socket(plain, server_hostname=HOST)
        self.file = self.stream.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.vanish()

    def raw(self, data):
        self.stream.sendall(data)

    def send(self, kind, body):
        self.raw(kind + struct.pack("!i", len(body) + 4) + body)

    def message(self):
        head = self.file.read(5)
        expect(len(head) == 5, "the server went away")
        return head[:1], self.file.read(struct.unpack("!i", head[1:])[0] - 4)

    def until(self, kind):
        seen = b""
        while not seen.endswith(kind):
            seen += self.message()[0]
        return seen

    def vanish(self):
        self.file.close()
        self.stream.close()


def socket_signed_in():
    import base64
    import hashlib
    import hmac
    import secrets

    wire = Wire()
    body = struct.pack("!i", 196608) + b"user\0board\0\0"
    wire.raw(struct.pack("!i", len(body) + 4) + body)
    expect(wire.message()[0] == b"R", "SASL")
    nonce = secrets.token_hex(12)
    bare = f"n=,r={nonce}"
    first = f"n,,{bare}".encode()
    wire.send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first)
    _, said = wire.message()
    said = said[4:].decode()
    parts = dict(part.split("=", 1) for part in said.split(","))
    salted = hashlib.pbkdf2_hmac(
        "sha256", PASSWORD.encode(), base64.b64decode(parts["s"]), int(parts["i"])
    )
    mac = lambda key, text: hmac.new(key, text, hashlib.sha256).digest()
    client = mac(salted, b"Client Key")
    last = f"c=biws,r={parts['r']}"
    signature = mac(hashlib.sha256(client).digest(), f"{bare},{said},{last}".encode())
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(client, signature))).decode()
    wire.send(b"p", f"{last},p={proof}".encode())
    wire.until(b"Z")
    return wire


# --- programs


def questions(program):
    found, name, wanted, lines = [], None, None, []
    for line in (HERE / f"{program}.sql").read_text().splitlines() + ["-- ask end:"]:
        asked = re.fullmatch(r"-- ask (\w+): ?(.*?)(?: ?rows (\d+))?", line)
        if asked:
            if name:
                found.append((name, *wanted, "\n".join(lines).strip()))
            name, lines = asked[1], []
            wanted = (asked[2].strip(), int(asked[3] or 0))
        elif not line.startswith("--"):
            lines.append(line)
    return found


def browse(program):
    wrong = []
    with connect() as connection:
        for name, columns, least, sql in questions(program):
            for prepare in (False, True):
                cursor = psycopg.ClientCursor(connection) if not prepare else connection.cursor()
                try:
                    cursor.execute(sql, prepare=prepare)
                    if not columns:
                        continue
                    found = cursor.fetchall()
                    names = [column.name for column in cursor.description]
                    if columns not in ("*", "?") and names != columns.split(","):
                        wrong.append(f"{name}: columns {names}")
                    if len(found) < least:
                        wrong.append(f"{name}: {len(found)} rows")
                except psycopg.Error as error:
                    wrong.append(f"{name} (prepare={prepare}): {error.sqlstate} {error}")
    if wrong:
        raise AssertionError("\n".join(wrong))


@check
def grafana_connects_and_browses():
    browse("grafana")


@check
def metabase_connects_and_browses():
    browse("metabase")


@check
def dbeaver_connects_and_browses():
    browse("dbeaver")


@check
def superset_browses_by_sqlalchemy():
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(autocommit=False),
    )
    wrong = []

    def see(what, is_right, function):
        try:
            found = function()
        except Exception as error:
            wrong.append(f"{what}: {type(error).__name__} {str(error)[:700]}")
            connection.rollback()
            return
        if not is_right(found):
            wrong.append(f"{what}: {str(found)[:300]}")

    with engine.connect() as connection:
        inspector = sqlalchemy.inspect(connection)
        see("schemas", lambda it: {"public", "operational"} <= set(it), inspector.get_schema_names)
        see("tables", lambda it: "attempts" in it, inspector.get_table_names)
        see("views", lambda it: "calls_hourly" in it,
            lambda: inspector.get_view_names(schema="operational"))
        see("materialized views", lambda it: it == [], inspector.get_materialized_view_names)
        names = lambda it: {column["name"]: str(column["type"]) for column in it}
        see("columns", lambda it: names(it).get("talk_ms") == "BIGINT",
            lambda: inspector.get_columns("attempts"))
        see("columns of a view", lambda it: "campaign_id" in names(it),
            lambda: inspector.get_columns("calls_hourly", schema="operational"))
        see("primary key", lambda it: it["constrained_columns"] == [],
            lambda: inspector.get_pk_constraint("attempts"))
        see("foreign keys", lambda it: it == [], lambda: inspector.get_foreign_keys("attempts"))
        see("indexes", lambda it: it == [], lambda: inspector.get_indexes("attempts"))
        see("unique", lambda it: it == [], lambda: inspector.get_unique_constraints("attempts"))
        see("checks", lambda it: it == [], lambda: inspector.get_check_constraints("attempts"))
        see("comment", lambda it: it["text"] and "dial" in it["text"],
            lambda: inspector.get_table_comment("attempts"))
        see("has table", lambda it: it is True, lambda: inspector.has_table("attempts"))
        see("has no table", lambda it: it is False, lambda: inspector.has_table("no_such_table"))
        table = sqlalchemy.Table("campaigns", sqlalchemy.MetaData(), sqlalchemy.Column("name"))
        see("select", lambda it: it == [("Loans",)],
            lambda: connection.execute(table.select().limit(1001)).fetchall())
    if wrong:
        raise AssertionError("\n".join(wrong))


def main():
    chosen = sys.argv[3:]
    for function in CHECKS:
        if chosen and function.__name__ not in chosen:
            continue
        said = {"check": function.__name__}
        try:
            function()
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            said["seen"] = f"line {last.lineno}: {type(error).__name__}: {error}"
        print(json.dumps(said), flush=True)


main()
