"""ADBC and pyarrow, clients that others wrote, over Arrow Flight SQL against a platform that runs.

Arguments: the server's address, the file of the authority that signed its certificate, and a
connection string of the same platform's log, by which leads come in while it is asked.
Prints one line of JSON per check: its name, whether it held, and what was seen where it did not.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from uuid import uuid4

import adbc_driver_flightsql as flightsql
import adbc_driver_flightsql.dbapi as dbapi
import adbc_driver_manager
import pyarrow
import pyarrow.flight
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState

ADDRESS, AUTHORITY, LOG = sys.argv[1:4]
CA = open(AUTHORITY).read()
PASSWORDS = {"admin": "changeit", "board": "changeit"}
OPTION = flightsql.DatabaseOptions
HEADER = OPTION.RPC_CALL_HEADER_PREFIX.value
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def say(**line):
    print(json.dumps(line), flush=True)


def equal(left, right):
    assert left == right, f"{left!r} is not {right!r}"


def fails(kind, action, *parts):
    try:
        given = action()
    except kind as error:
        for part in parts:
            assert part in str(error), f"{part!r} is not in {error}"
        for secret in PASSWORDS.values():
            assert secret not in str(error), str(error)
        return error
    raise AssertionError(f"no {kind.__name__}, but {given!r}")


def connect(user="board", password=None, conn=None, **more):
    options = {OPTION.TLS_ROOT_CERTS.value: CA, "username": user}
    options["password"] = user and (password or PASSWORDS.get(user))
    options.update(more)
    given = {key: value for key, value in options.items() if value is not None}
    return dbapi.connect(ADDRESS, db_kwargs=given, conn_kwargs=conn, autocommit=True)


def rows(connection, question, values=None):
    with connection.cursor() as cursor:
        cursor.execute(question, values)
        return cursor.fetchall()


def one(connection, question, values=None):
    (row,) = rows(connection, question, values)
    return row[0] if len(row) == 1 else row


log = KurrentDBClient(uri=LOG)


def offer_a_lead():
    data = json.dumps({"phone": "+12125550181"}).encode()
    event = NewEvent(type="LeadOffered", data=data, id=uuid4())
    log.append_to_stream("inbox-loans", current_version=StreamState.ANY, events=[event])


# What goes over the wire, for what ADBC never sends.
def field(number, value):
    assert len(value) < 1 << 14
    size = bytes([len(value) & 0x7F | 0x80, len(value) >> 7])
    return bytes([number << 3 | 2]) + size + value


def packed(name, body):
    url = f"type.googleapis.com/arrow.flight.protocol.sql.{name}"
    return field(1, url.encode()) + field(2, body)


def descriptor(question):
    command = packed("CommandStatementQuery", field(1, question.encode()))
    return pyarrow.flight.FlightDescriptor.for_command(command)


def flight_client(user="board"):
    client = pyarrow.flight.FlightClient(ADDRESS, tls_root_certs=CA)
    pair = client.authenticate_basic_token(user, PASSWORDS[user])
    return client, pyarrow.flight.FlightCallOptions(headers=[pair])


@check
def who_has_no_password_is_refused():
    denied = adbc_driver_manager.Error
    fails(denied, lambda: connect(password="wrong"), "sign in")
    fails(denied, lambda: connect(user="nobody", password="wrong"), "sign in")
    fails(denied, lambda: one(connect(user=None), "select 1"), "sign in")
    header = {OPTION.AUTHORIZATION_HEADER.value: "Bearer made-up"}
    wrong = connect(user=None, **header)
    fails(denied, lambda: one(wrong, "select 1"), "token")


@check
def name_and_password_may_come_with_each_request():
    import base64

    basic = base64.b64encode(f"board:{PASSWORDS['board']}".encode()).decode()
    options = {OPTION.TLS_ROOT_CERTS.value: CA, OPTION.AUTHORIZATION_HEADER.value: f"Basic {basic}"}
    with dbapi.connect(ADDRESS, db_kwargs=options, autocommit=True) as connection:
        equal(one(connection, "select 1"), 1)


@check
def an_unknown_authority_and_plain_text_are_refused():
    fails(Exception, lambda: one(connect(**{OPTION.TLS_ROOT_CERTS.value: None}), "select 1"))
    plain = {"username": "board", "password": PASSWORDS["board"], OPTION.TIMEOUT_QUERY.value: "5"}
    address = ADDRESS.replace("grpc+tls", "grpc")
    fails(Exception, lambda: one(dbapi.connect(address, db_kwargs=plain), "select 1"))


@check
def a_question_is_answered_in_arrow():
    question = """select 7 as whole, 1.5 as number, 'text' as words, true as is_so, null as nothing,
        arrow_cast('same', 'Dictionary(Int32, Utf8)') as repeated,
        arrow_cast('view', 'Utf8View') as viewed, [1, 2] as several,
        timestamp '2026-11-21T09:30:00Z' as moment, date '2026-11-21' as day"""
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(question)
        table = cursor.fetch_arrow_table()
    row = table.to_pylist()[0]
    equal(row["whole"], 7)
    equal([row[name] for name in ("words", "repeated", "viewed")], ["text", "same", "view"])
    equal(row["several"], [1, 2])
    equal(row["moment"].isoformat()[:19], "2026-11-21T09:30:00")
    types = {name: str(table.schema.field(name).type) for name in ("repeated", "viewed")}
    equal(types, {"repeated": "string", "viewed": "string"})


@check
def an_answer_names_its_position():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("select max(position) as head from events")
        table = cursor.fetch_arrow_table()
    equal(table.schema.metadata[b"ledgerline.position"].decode(), str(table.to_pylist()[0]["head"]))


@check
def an_answer_without_rows_has_columns():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("select campaign_id, attempts from leads where false")
        equal(cursor.fetch_arrow_table().schema.names, ["campaign_id", "attempts"])
        equal(cursor.rowcount, -1)


@check
def a_long_answer_comes_in_pieces():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("select value as n from generate_series(1, 3000000)")
        reader = cursor.fetch_record_batch()
        seen, pieces = 0, 0
        for batch in reader:
            seen, pieces = seen + batch.num_rows, pieces + 1
    equal(seen, 3_000_000)
    assert pieces > 100, pieces


@check
def values_are_bound():
    with connect() as connection:
        equal(one(connection, "select ? + ?", (3, 4)), 7)
        equal(one(connection, "select $2 - $1", (3, 4)), 1)
        equal(one(connection, "select ?", ("'; drop table leads; --",)), "'; drop table leads; --")
        equal(one(connection, "select count(*) from events where type = ?", ("CampaignCreated",)), 1)
        equal(one(connection, "select count(*) from events where position >= ?", (0,)) > 0, True)
        equal(one(connection, "select count(*) from leads where campaign_id = $id", ("loans",)), 0)
        with connection.cursor() as cursor:
            for number in range(5):
                cursor.execute("select ? * 10 as n", (number,))
                equal(cursor.fetchall(), [(number * 10,)])


@check
def several_rows_of_values_are_answered_one_after_the_other():
    values = pyarrow.record_batch({"first": [1, 10, 100], "second": [2, 20, 200]})
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("select $1 + $2 as n from generate_series(1, 2)", values)
        equal(cursor.fetchall(), [(3,), (3,), (30,), (30,), (300,), (300,)])
        cursor.executemany("select $1 from generate_series(1, 4)", [(1,), (2,), (3,)])
        equal(cursor.rowcount, 12)


@check
def values_that_do_not_fit_are_refused():
    wrong = adbc_driver_manager.ProgrammingError
    with connect() as connection:
        fails(wrong, lambda: one(connection, "select ? + ?", (1,)), "2 parameters")
        fails(wrong, lambda: one(connection, "select ? + ?"), "$1, $2")
        many = pyarrow.record_batch({"n": list(range(1_001))})
        fails(adbc_driver_manager.Error, lambda: one(connection, "select ?", many), "1000 rows")


@check
def a_question_tells_its_columns_and_parameters():
    with connect() as connection, connection.cursor() as cursor:
        given = cursor.adbc_prepare("select type, count(*) as n from events where position > ? group by type")
        equal([(field.name, str(field.type)) for field in given][0][0], "$1")
        schema = cursor.adbc_execute_schema("select type, count(*) as n from events group by type")
        equal([(field.name, str(field.type)) for field in schema], [("type", "string"), ("n", "int64")])


@check
def the_server_says_what_it_is():
    with connect() as connection:
        info = connection.adbc_get_info()
        equal(info["vendor_name"], "Ledgerline")
        assert info["vendor_version"], info
        equal(connection.adbc_current_catalog, "ledgerline")
        equal(connection.adbc_current_db_schema, "public")
        equal(sorted(connection.adbc_get_table_types()), ["TABLE", "VIEW"])


@check
def every_table_and_column_is_listed():
    with connect() as connection:
        catalogs = connection.adbc_get_objects(depth="all").read_all().to_pylist()
        equal([catalog["catalog_name"] for catalog in catalogs], ["ledgerline"])
        schemas = {
            schema["db_schema_name"]: {
                table["table_name"]: table for table in schema["db_schema_tables"]
            }
            for schema in catalogs[0]["catalog_db_schemas"]
        }
        wanted = {"public", "live", "operational", "funnel", "strategic", "system"}
        assert wanted <= set(schemas), schemas.keys()
        attempts = schemas["public"]["attempts"]
        equal(attempts["table_type"], "TABLE")
        columns = {column["column_name"]: column for column in attempts["table_columns"]}
        equal(columns["call_id"]["ordinal_position"], 1)
        assert all(table["table_type"] == "VIEW" for table in schemas["operational"].values())
        some = connection.adbc_get_objects(
            depth="tables", db_schema_filter="public", table_name_filter="lea%"
        )
        (catalog,) = some.read_all().to_pylist()
        (schema,) = catalog["catalog_db_schemas"]
        equal([table["table_name"] for table in schema["db_schema_tables"]], ["leads"])
        for schema, tables in schemas.items():
            for table in tables:
                told = connection.adbc_get_table_schema(table, db_schema_filter=schema)
                with connection.cursor() as cursor:
                    cursor.execute(f'select * from {schema}."{table}" limit 1')
                    given = cursor.fetch_arrow_table().schema
                if table == "attempts":
                    meaning = told.field("call_id").metadata[b"ARROW:FLIGHT:SQL:REMARKS"]
                    equal(meaning, b"The call; the key.")
                equal(given.names, told.names)
                equal(given.types, told.types)


@check
def what_is_appended_after_planning_is_not_seen():
    with connect() as connection:
        count = "select count(*) as events, max(position) as head from events"
        before = one(connection, count)
        with connection.cursor() as cursor:
            tickets, _ = cursor.adbc_execute_partitions(count)
        equal(len(tickets), 1)
        offer_a_lead()
        end = time.monotonic() + 60
        while (after := one(connection, count))[0] == before[0]:
            assert time.monotonic() < end, "what was appended is never seen"
        for _ in range(2):
            # The second time, the plan is gone and is made again at the same position.
            with connection.cursor() as cursor:
                cursor.adbc_read_partition(tickets[0])
                table = cursor.fetch_arrow_table()
            equal(tuple(table.to_pylist()[0].values()), before)
            equal(table.schema.metadata[b"ledgerline.position"].decode(), str(before[1]))
        # Values that were bound are of the same moment as well.
        with connection.cursor() as cursor:
            cursor.adbc_prepare("select count(*) from events where position >= $1")
            cursor.execute("select count(*) from events where position >= $1", (0,))
            assert cursor.fetchone()[0] >= after[0]


@check
def any_earlier_moment_can_be_asked_about():
    count = "select count(*) from events"
    with connect() as connection:
        head = one(connection, "select max(position) from events")
        with connect(**{HEADER + "ledgerline-as-of": "3"}) as earlier:
            equal(one(earlier, count), 4)
        with connect(conn={"adbc.flight.sql.session.option.as_of": "2"}) as earlier:
            equal(one(earlier, count), 3)
            equal(one(earlier, "select count(*) from events where position >= ?", (0,)), 3)
        assert one(connection, count) > head
        equal(one(connection, "select count(*) from as_of('events', '1')"), 2)
        beyond = connect(**{HEADER + "ledgerline-as-of": str(head + 1_000_000)})
        fails(adbc_driver_manager.Error, lambda: one(beyond, count), "ends at position")
        nonsense = connect(**{HEADER + "ledgerline-as-of": "yesterday"})
        fails(adbc_driver_manager.ProgrammingError, lambda: one(nonsense, count), "as_of")
        fails(
            adbc_driver_manager.Error,
            lambda: connect(conn={"adbc.flight.sql.session.option.as_of": "yesterday"}),
        )


@check
def nothing_is_changed():
    refused = adbc_driver_manager.NotSupportedError
    with connect("admin") as connection:
        for statement in (
            "insert into leads select * from leads",
            "delete from leads",
            "create table mine as select 1",
            "drop table leads",
            "copy leads to '/tmp/leads.csv'",
            "set datafusion.execution.batch_size = 1",
        ):
            fails(adbc_driver_manager.Error, lambda: rows(connection, statement), "run SQL")
        fails(refused, lambda: rows(connection, "delete from leads"), "only questions")
        data = pyarrow.table({"n": [1]})
        with connection.cursor() as cursor:
            fails(refused, lambda: cursor.adbc_ingest("mine", data, mode="create"))
    fails(
        refused,
        lambda: connect(conn={"adbc.connection.autocommit": "false"}),
    )


@check
def what_is_wrong_is_said():
    wrong = adbc_driver_manager.ProgrammingError
    with connect() as connection:
        fails(wrong, lambda: rows(connection, "select * from nowhere"), "nowhere")
        fails(wrong, lambda: rows(connection, "select nothing from leads"), "nothing")
        fails(wrong, lambda: rows(connection, "selec 1"), "SQL")
        fails(wrong, lambda: rows(connection, "select 1; select 2"), "run SQL")
        fails(adbc_driver_manager.Error, lambda: rows(connection, "select 1 / (value - 3) from generate_series(1, 5)"), "zero")
        # And the connection goes on.
        equal(one(connection, "select 1"), 1)


SLOW = "select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b where (a.value * b.value) % 7 = 3"


@check
def a_question_that_takes_too_long_ends():
    with connect(**{HEADER + "ledgerline-statement-timeout": "300ms"}) as connection:
        begun = time.monotonic()
        fails(adbc_driver_manager.Error, lambda: rows(connection, SLOW), "within 300 ms")
        assert time.monotonic() - begun < 20
    with connect() as connection:
        equal(one(connection, "select 1"), 1)


@check
def a_flight_is_cancelled():
    client, options = flight_client()
    info = client.get_flight_info(descriptor(SLOW), options)
    request = field(1, info.serialize())
    (result,) = client.do_action(("CancelFlightInfo", request), options)
    equal(result.body.to_pybytes(), bytes([1 << 3, 1]))
    ticket = info.endpoints[0].ticket
    fails(pyarrow.flight.FlightCancelledError, lambda: client.do_get(ticket, options).read_all())


@check
def who_goes_away_leaves_no_question_behind():
    script = f"""
import sys, pyarrow.flight
client = pyarrow.flight.FlightClient({ADDRESS!r}, tls_root_certs=open({AUTHORITY!r}).read())
pair = client.authenticate_basic_token("board", {PASSWORDS["board"]!r})
options = pyarrow.flight.FlightCallOptions(headers=[pair])
info = client.get_flight_info(pyarrow.flight.FlightDescriptor.for_command({descriptor(SLOW).command!r}), options)
print("asked", flush=True)
client.do_get(info.endpoints[0].ticket, options).read_all()
"""
    # More than may run at once, so that the last ones would have to wait for the first.
    gone = []
    for _ in range(6):
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        equal(child.stdout.readline(), b"asked\n")
        gone.append(child)
    for child in gone:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    begun = time.monotonic()
    with connect() as connection:
        equal(one(connection, "select 1"), 1)
    assert time.monotonic() - begun < 30, time.monotonic() - begun


@check
def a_ticket_is_for_one_user_and_cannot_be_made_up():
    client, options = flight_client()
    info = client.get_flight_info(descriptor("select 1 as n"), options)
    ticket = info.endpoints[0].ticket
    other, theirs = flight_client("admin")
    fails(pyarrow.flight.FlightUnauthorizedError, lambda: other.do_get(ticket, theirs).read_all())
    changed = bytearray(ticket.ticket)
    changed[-1] ^= 1
    fails(
        pyarrow.lib.ArrowInvalid,
        lambda: client.do_get(pyarrow.flight.Ticket(bytes(changed)), options).read_all(),
        "not one of this server",
    )
    equal(client.do_get(ticket, options).read_all().to_pylist(), [{"n": 1}])
    fails(pyarrow.flight.FlightUnauthenticatedError, lambda: client.do_get(ticket).read_all())


@check
def nonsense_is_refused_and_the_server_goes_on():
    client, options = flight_client()
    for command in (b"", b"\x00\xff nonsense", packed("CommandNoSuch", b""), packed("CommandStatementQuery", b"\xff\xff")):
        asked = pyarrow.flight.FlightDescriptor.for_command(command)
        fails(Exception, lambda: client.get_flight_info(asked, options))
        fails(Exception, lambda: client.do_get(pyarrow.flight.Ticket(command), options).read_all())
    path = pyarrow.flight.FlightDescriptor.for_path("leads")
    fails(pyarrow.lib.ArrowInvalid, lambda: client.get_flight_info(path, options), "command")
    for action in ("NoSuch", "CreatePreparedStatement", "CancelFlightInfo", "SetSessionOptions"):
        fails(Exception, lambda: list(client.do_action((action, b"\xff\xff\xff"), options)))
    host, port = ADDRESS.rsplit("/", 1)[1].rsplit(":", 1)
    for _ in range(20):
        with socket.create_connection((host, int(port))) as wire:
            wire.sendall(os.urandom(64))
    with connect() as connection:
        equal(one(connection, "select 1"), 1)


@check
def prepared_statements_are_bounded_and_closed():
    client, options = flight_client("admin")
    body = packed("ActionCreatePreparedStatementRequest", field(1, b"select 1"))
    prepare = lambda: list(client.do_action(("CreatePreparedStatement", body), options))
    for _ in range(256):
        prepare()
    fails(Exception, prepare, "256 prepared statements")
    # Those of others are not counted.
    with connect() as connection, connection.cursor() as cursor:
        cursor.adbc_prepare("select 1")


def main():
    wanted = sys.argv[4:]
    for function in CHECKS:
        if wanted and function.__name__ not in wanted:
            continue
        try:
            function()
        except Exception:
            say(check=function.__name__, ok=False, seen=traceback.format_exc())
        else:
            say(check=function.__name__, ok=True)


main()
