"""kurrentdbclient, a client that others wrote, against `ledgerline log serve`."""

import threading
import time
import traceback
from uuid import uuid4

from checks import READER, URI, check, client, run, say
from checks import equal, event, events, fails, fresh, ids, take
from kurrentdbclient import KurrentDBClient, StreamState
from kurrentdbclient.events import CaughtUp, Checkpoint
from kurrentdbclient.exceptions import (
    AccessDeniedError,
    BadRequestError,
    GrpcError,
    KurrentDBClientError,
    MaximumAppendSizeExceededError,
    NotFoundError,
    StreamIsDeletedError,
    UnauthenticatedError,
    WrongCurrentVersionError,
)

ANY, EXISTS, NO_STREAM = StreamState.ANY, StreamState.EXISTS, StreamState.NO_STREAM


def append(stream, what, version=ANY):
    return client.append_to_stream(stream, current_version=version, events=what)


# --- append


@check
def append_to_no_stream():
    stream, written = fresh(), events(3)
    append(stream, written, NO_STREAM)
    equal(ids(client.get_stream(stream)), ids(written))
    equal(client.get_current_version(stream), 2)


@check
def append_at_a_revision():
    stream, written = fresh(), events(3)
    append(stream, written[:2], NO_STREAM)
    append(stream, written[2:], 1)
    equal([one.stream_position for one in client.get_stream(stream)], [0, 1, 2])


@check
def append_to_anything_and_to_what_exists():
    stream, written = fresh(), events(2)
    append(stream, written[:1], ANY)
    append(stream, written[1:], EXISTS)
    equal(ids(client.get_stream(stream)), ids(written))


@check
def append_to_what_should_exist():
    fails(WrongCurrentVersionError, lambda: append(fresh(), events(1), EXISTS))


@check
def conflict_with_no_stream_says_where_the_stream_is():
    stream = fresh()
    append(stream, events(3), NO_STREAM)
    fails(WrongCurrentVersionError, lambda: append(stream, events(1), NO_STREAM), " 2 ")


@check
def conflict_at_a_revision_says_where_the_stream_is():
    stream = fresh()
    append(stream, events(3), NO_STREAM)
    fails(WrongCurrentVersionError, lambda: append(stream, events(1), 1), " 2 ", " 1")
    fails(WrongCurrentVersionError, lambda: append(stream, events(1), 5), " 2 ", " 5")
    fails(WrongCurrentVersionError, lambda: append(fresh(), events(1), 0), "not exist")
    equal(len(client.get_stream(stream)), 3)


@check
def repeat_is_recorded_once():
    stream, written = fresh(), events(3)
    first = append(stream, written, NO_STREAM)
    equal(append(stream, written, NO_STREAM), first)
    equal(append(stream, written, ANY), first)
    append(stream, events(1), 2)
    equal(append(stream, written, NO_STREAM), first)
    equal(append(stream, written[1:], 0), first)
    equal(len(client.get_stream(stream)), 4)


@check
def half_a_repeat_is_a_conflict():
    stream, written = fresh(), events(2)
    append(stream, written, NO_STREAM)
    again = [written[0], event()]
    fails(WrongCurrentVersionError, lambda: append(stream, again, NO_STREAM))
    equal(ids(client.get_stream(stream)), ids(written))


@check
def append_of_one_event():
    stream, written = fresh(), event()
    append(stream, written, NO_STREAM)
    equal(ids(client.get_stream(stream)), [written.id])


@check
def append_of_nothing_looks_at_the_revision():
    stream = fresh()
    append(stream, [], NO_STREAM)
    fails(NotFoundError, lambda: client.get_stream(stream))
    fails(WrongCurrentVersionError, lambda: append(stream, [], 4))


@check
def append_of_a_thousand():
    stream, written = fresh(), events(1000)
    append(stream, written, NO_STREAM)
    equal(ids(client.get_stream(stream)), ids(written))


@check
def append_of_too_many_bytes():
    stream = fresh()
    large = event(data=b"x" * 1_100_000, content_type="application/octet-stream")
    fails(MaximumAppendSizeExceededError, lambda: append(stream, [large]), "1048576")
    # One event goes another way, and this client has no error of its own for it there.
    fails(GrpcError, lambda: append(stream, large), "INVALID_ARGUMENT", "1048576")
    append(stream, [event(data=b"y" * 1_000_000, content_type="application/octet-stream")])
    equal(len(client.get_stream(stream)[0].data), 1_000_000)


@check
def appends_at_once():
    stream, mine = fresh(), [events(20) for _ in range(8)]

    def write(batch):
        for one in batch:
            append(stream, [one], ANY)

    threads = [threading.Thread(target=write, args=(batch,)) for batch in mine]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = client.get_stream(stream)
    equal([one.stream_position for one in found], list(range(160)))
    for batch in mine:
        wanted = set(ids(batch))
        equal([one.id for one in found if one.id in wanted], ids(batch))


@check
def only_one_of_two_writers_wins():
    stream, won = fresh(), []

    def write():
        try:
            append(stream, events(1), NO_STREAM)
            won.append(1)
        except WrongCurrentVersionError:
            pass

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(len(won), 1)


# --- what comes back


@check
def json_and_binary_come_back_as_they_were():
    stream = fresh()
    text = event(data='{"b":1, "ü":"\\u00e4"}'.encode(), metadata=b'{"$correlationId":"7"}')
    octets = event(
        data=bytes(range(256)), metadata=b"\x00\xff", content_type="application/octet-stream"
    )
    append(stream, [text, octets], NO_STREAM)
    for found, written in zip(client.get_stream(stream), [text, octets], strict=True):
        equal(found.data, written.data)
        equal(found.metadata, written.metadata)
        equal(found.content_type, written.content_type)
        equal((found.type, found.id, found.stream_name), (written.type, written.id, stream))


@check
def metadata_come_back_byte_for_byte():
    stream = fresh()
    kinds = [
        b"",
        b"{}",
        b'{ "a" : 1 }',
        b"not json",
        b'{"$correlationId":"5c8e5b4f-6c0b-4dc8-a1bb-6c7c3b0a3a11","actor":"x","schemaVersion":2}',
        b'{"schemaVersion":1,"occurredAt":"2026-11-21T07:59:59.123456Z","actor":"dialer"}',
    ]
    append(stream, [event(metadata=kind) for kind in kinds], NO_STREAM)
    equal([one.metadata for one in client.get_stream(stream)], kinds)


@check
def time_of_recording_is_given_and_never_goes_back():
    stream = fresh()
    append(stream, events(2), NO_STREAM)
    append(stream, events(2), 1)
    times = [one.recorded_at for one in client.get_stream(stream)]
    assert None not in times, times
    equal(times, sorted(times))


@check
def names_of_any_letters():
    stream = f"Bestellung-ä-注文-{uuid4()}"
    append(stream, [event("Aufgegeben-é-注")], NO_STREAM)
    found = client.get_stream(stream)[0]
    equal((found.stream_name, found.type), (stream, "Aufgegeben-é-注"))


# --- read a stream


@check
def read_a_stream_both_ways():
    stream, written = fresh(), events(5)
    append(stream, written, NO_STREAM)
    order = ids(written)

    def read(**options):
        return ids(client.get_stream(stream, **options))

    equal(read(), order)
    equal(read(backwards=True), order[::-1])
    equal(read(limit=2), order[:2])
    equal(read(stream_position=2), order[2:])
    equal(read(stream_position=2, limit=1), order[2:3])
    equal(read(stream_position=2, backwards=True), order[2::-1])
    equal(read(stream_position=2, backwards=True, limit=2), order[2:0:-1])
    equal(read(stream_position=9), [])
    equal(read(stream_position=9, backwards=True), order[::-1])
    equal(read(limit=0), [])


@check
def read_a_long_stream_and_leave_early():
    stream, written = fresh(), events(2000)
    for start in range(0, 2000, 500):
        append(stream, written[start : start + 500], ANY)
    equal(ids(client.get_stream(stream)), ids(written))
    equal(ids(client.get_stream(stream, backwards=True)), ids(written)[::-1])
    with client.read_stream(stream) as reading:
        equal(ids(take(reading, 3)), ids(written)[:3])


@check
def read_a_stream_that_is_not_there():
    fails(NotFoundError, lambda: client.get_stream(fresh()))
    equal(client.get_current_version(fresh()), NO_STREAM)


# --- read all streams


@check
def read_all_both_ways():
    streams, written = [fresh(), fresh()], events(6)
    start = client.get_commit_position()
    for at, one in enumerate(written):
        append(streams[at % 2], one)
    found = [one for one in client.read_all(commit_position=start) if one.id in ids(written)]
    equal(ids(found), ids(written))
    places = [one.commit_position for one in found]
    equal(places, [one.prepare_position for one in found])
    assert places == sorted(set(places)), places
    # Forwards the position belongs to it, backwards it does not.
    third = found[2]
    equal(take(client.read_all(commit_position=third.commit_position), 1)[0].id, third.id)
    before = take(client.read_all(commit_position=third.commit_position, backwards=True), 1)
    equal(before[0].id, found[1].id)
    equal(ids(client.read_all(backwards=True, limit=2)), ids(written)[:3:-1])
    equal(client.get_commit_position(), places[-1])
    equal(list(client.read_all(commit_position=places[-1] + 1)), [])


@check
def read_all_through_filters():
    stream, other = fresh("invoice"), fresh("credit")
    start = client.get_commit_position()
    append(stream, [event("InvoiceSent"), event("InvoicePaid"), event("CreditGiven")])
    append(other, [event("InvoicePaid")])

    def types(**options):
        return [one.type for one in client.read_all(commit_position=start, **options)][-4:]

    equal(types(filter_include=["Invoice.*"])[-3:], ["InvoiceSent", "InvoicePaid", "InvoicePaid"])
    equal(types(filter_include=[".*Paid"])[-2:], ["InvoicePaid", "InvoicePaid"])
    equal(types(filter_exclude=["Invoice.*"])[-1:], ["CreditGiven"])
    equal(types(filter_exclude=["Invoice"])[-2:], ["CreditGiven", "InvoicePaid"])
    equal(types(filter_include=["credit-.*"], filter_by_stream_name=True)[-1:], ["InvoicePaid"])
    equal(types(filter_include=[stream], filter_by_stream_name=True)[-1:], ["CreditGiven"])
    equal(
        [one.type for one in client.read_all(filter_include=["Credit.*"], backwards=True, limit=1)],
        ["CreditGiven"],
    )


@check
def system_events_are_in_all():
    stream = fresh()
    append(stream, events(1))
    client.set_stream_metadata(stream, metadata={"$maxCount": 9})
    found = take(client.read_all(filter_exclude=[], backwards=True), 1)[0]
    equal((found.type, found.stream_name), ("$metadata", f"$${stream}"))
    assert found.stream_name not in [one.stream_name for one in client.read_all(backwards=True, limit=3)]


# --- subscriptions


@check
def follow_a_stream_from_its_start_and_live():
    stream, written = fresh(), events(3)
    append(stream, written[:2])
    with client.subscribe_to_stream(stream, include_caught_up=True) as subscription:
        found = take(subscription, 3)
        equal(ids(found[:2]), ids(written[:2]))
        assert isinstance(found[2], CaughtUp), found[2]
        append(fresh(), events(1))
        append(stream, written[2:])
        equal(ids(take(subscription, 1)), ids(written[2:]))


@check
def follow_a_stream_after_a_revision_and_from_its_end():
    stream, written = fresh(), events(4)
    append(stream, written[:3])
    with client.subscribe_to_stream(stream, stream_position=0) as subscription:
        equal(ids(take(subscription, 2)), ids(written[1:3]))
    with client.subscribe_to_stream(stream, from_end=True) as subscription:
        append(stream, written[3:])
        equal(ids(take(subscription, 1)), ids(written[3:]))


@check
def follow_a_stream_that_is_still_to_come():
    stream, written = fresh(), events(1)
    with client.subscribe_to_stream(stream, include_caught_up=True) as subscription:
        assert isinstance(take(subscription, 1)[0], CaughtUp)
        append(stream, written)
        equal(ids(take(subscription, 1)), ids(written))


@check
def follow_all_from_a_position_and_live():
    written = events(5)
    append(fresh(), written[:1])
    start = client.get_commit_position()
    append(fresh(), written[1:3])
    with client.subscribe_to_all(commit_position=start, include_caught_up=True) as subscription:
        found = take(subscription, 3)
        equal(ids(found[:2]), ids(written[1:3]))
        assert isinstance(found[2], CaughtUp), found[2]
        equal(found[2].commit_position, found[1].commit_position)
        append(fresh(), written[3:])
        live = take(subscription, 2)
        equal(ids(live), ids(written[3:]))
        equal([one.commit_position for one in live], [one.prepare_position for one in live])


@check
def follow_all_from_the_end():
    written = events(2)
    append(fresh(), written[:1])
    with client.subscribe_to_all(from_end=True) as subscription:
        append(fresh(), written[1:])
        equal(ids(take(subscription, 1)), ids(written[1:]))


@check
def follow_all_through_a_filter_with_checkpoints():
    start, kind = client.get_commit_position(), f"Rare{uuid4().hex}"
    append(fresh(), events(10))
    rare = [event(kind), event(kind)]
    append(fresh(), rare[:1])
    append(fresh(), events(7))
    end = client.get_commit_position()
    options = {
        "commit_position": start,
        "filter_include": [kind],
        "include_checkpoints": True,
        "include_caught_up": True,
        "window_size": 5,
        "checkpoint_interval_multiplier": 1,
    }
    with client.subscribe_to_all(**options) as subscription:
        found = []
        while not found or not isinstance(found[-1], CaughtUp):
            found += take(subscription, 1)
        places = [one.commit_position for one in found]
        equal(places, sorted(places))
        marks = [one.commit_position for one in found if isinstance(one, Checkpoint)]
        # One after every five events that were looked at, and one at the end.
        equal(marks, [start + 5, start + 10, start + 15, end])
        equal([one.id for one in found if one.type == kind], ids(rare[:1]))
        append(fresh(), rare[1:])
        live = [one for one in take(subscription, 1) if one.type == kind]
        equal(ids(live), ids(rare[1:]))


@check
def follow_all_by_the_beginnings_of_streams():
    start, name = client.get_commit_position(), f"leads{uuid4().hex}"
    written = events(2)
    append(f"{name}-1", written[:1])
    append(fresh(), events(2))
    append(f"{name}-2", written[1:])
    options = {"filter_include": [name], "filter_by_stream_name": True, "filter_by_prefix": True}
    with client.subscribe_to_all(commit_position=start, **options) as subscription:
        equal(ids(take(subscription, 2)), ids(written))


@check
def twenty_follow_at_once():
    stream, written = fresh(), events(10)
    subscriptions = [client.subscribe_to_stream(stream, from_end=True) for _ in range(20)]
    append(stream, written)
    for subscription in subscriptions:
        equal(ids(take(subscription, 10)), ids(written))
        subscription.stop()


# --- metadata, delete, tombstone


@check
def stream_metadata():
    stream = fresh()
    equal(client.get_stream_metadata(stream), ({}, NO_STREAM))
    append(stream, events(1))
    client.set_stream_metadata(stream, metadata={"foo": "bar"}, current_version=NO_STREAM)
    equal(client.get_stream_metadata(stream), ({"foo": "bar"}, 0))
    client.set_stream_metadata(stream, metadata={"foo": "baz"}, current_version=0)
    equal(client.get_stream_metadata(stream), ({"foo": "baz"}, 1))
    again = lambda: client.set_stream_metadata(stream, metadata={}, current_version=0)
    fails(WrongCurrentVersionError, again)


@check
def max_count_and_truncate_before():
    stream, written = fresh(), events(5)
    append(stream, written)
    client.set_stream_metadata(stream, metadata={"$maxCount": 2})
    equal(ids(client.get_stream(stream)), ids(written[3:]))
    equal(ids(client.get_stream(stream, backwards=True)), ids(written[:2:-1]))
    client.set_stream_metadata(stream, metadata={"$tb": 1})
    equal(ids(client.get_stream(stream)), ids(written[1:]))
    with client.subscribe_to_stream(stream) as subscription:
        equal(ids(take(subscription, 4)), ids(written[1:]))


@check
def delete_and_go_on():
    stream, written = fresh(), events(3)
    append(stream, written[:2])
    wrong = lambda: client.delete_stream(stream, current_version=0)
    fails(WrongCurrentVersionError, wrong)
    client.delete_stream(stream, current_version=1)
    fails(NotFoundError, lambda: client.get_stream(stream))
    equal(client.get_current_version(stream), NO_STREAM)
    equal(client.get_stream_metadata(stream)[0], {"$tb": 9223372036854775807})
    append(stream, written[2:], NO_STREAM)
    found = client.get_stream(stream)
    equal([(one.id, one.stream_position) for one in found], [(written[2].id, 2)])


@check
def tombstone_is_for_good():
    stream, other = fresh(), fresh()
    append(stream, events(2))
    fails(WrongCurrentVersionError, lambda: client.tombstone_stream(stream, current_version=0))
    client.tombstone_stream(stream, current_version=1)
    fails(StreamIsDeletedError, lambda: append(stream, events(1), ANY))
    fails(StreamIsDeletedError, lambda: client.get_stream(stream))
    fails(StreamIsDeletedError, lambda: client.delete_stream(stream, current_version=ANY))
    fails(StreamIsDeletedError, lambda: client.tombstone_stream(stream, current_version=ANY))
    client.tombstone_stream(other, current_version=NO_STREAM)
    fails(StreamIsDeletedError, lambda: append(other, events(1), NO_STREAM))


@check
def what_cannot_be_is_refused_and_said():
    fails(BadRequestError, lambda: append("", events(1)))
    fails(BadRequestError, lambda: append("$$$$deep", events(1)))
    fails(BadRequestError, lambda: append(fresh(), [event("$streamDeleted")]))
    fails(BadRequestError, lambda: append(fresh(), [event(type="")]))
    # The connection is as good as before.
    append(fresh(), events(1))


# --- who and where


@check
def gossip_names_one_leader():
    members = client.read_gossip()
    equal([member.state for member in members], ["NODE_STATE_LEADER"])
    host = URI.split("@")[-1].split("//")[-1].split("?")[0]
    equal(f"{members[0].address}:{members[0].port}", host)


@check
def discovery_finds_it():
    found = KurrentDBClient(uri=URI.replace("kurrentdb://", "kurrentdb+discover://"))
    assert found.get_commit_position() > 0
    found.close()


def users():
    if READER == "-":
        return

    @check
    def a_wrong_password_is_refused():
        for uri in [URI.replace("changeit", "changeme"), URI.replace("admin:", "nobody:")]:
            other = KurrentDBClient(uri=uri)
            fails(UnauthenticatedError, lambda: other.get_commit_position())
            fails(UnauthenticatedError, lambda: other.append_to_stream(
                fresh(), current_version=ANY, events=events(1)))
            other.close()

    @check
    def a_reader_reads_and_does_not_write():
        stream = fresh()
        append(stream, events(2))
        reader = KurrentDBClient(uri=READER)
        equal(len(reader.get_stream(stream)), 2)
        write = lambda what: reader.append_to_stream(stream, current_version=ANY, events=what)
        fails(AccessDeniedError, lambda: write(events(1)))
        fails(AccessDeniedError, lambda: write(event()))
        fails(AccessDeniedError, lambda: reader.delete_stream(stream, current_version=ANY))
        fails(AccessDeniedError, lambda: reader.tombstone_stream(stream, current_version=ANY))
        equal(len(client.get_stream(stream)), 2)
        reader.close()


def across(ask):
    """Follows a stream and all streams while the server goes and comes back."""
    stream, written = fresh(), events(60)
    append(stream, written[:20])
    found, after = [], None
    start = client.get_commit_position() - 20
    subscription = client.subscribe_to_stream(stream)
    found += take(subscription, 20)
    other = client.subscribe_to_all(commit_position=start)
    seen = take(other, 20)
    say(ask=ask)
    # What is read now ends with an error, never in silence.
    for one in (subscription, other):
        fails(KurrentDBClientError, lambda one=one: next(one))
    deadline = time.monotonic() + 60
    for batch in (written[20:40], written[40:]):
        while True:
            try:
                append(stream, batch, ANY)
                break
            except KurrentDBClientError:
                assert time.monotonic() < deadline, traceback.format_exc()
                time.sleep(0.05)
    after = found[-1].stream_position
    with client.subscribe_to_stream(stream, stream_position=after) as subscription:
        found += take(subscription, 40)
    with client.subscribe_to_all(commit_position=seen[-1].commit_position) as other:
        seen += take(other, 40)
    equal(ids(found), ids(written))
    equal(ids(seen), ids(written))


@check
def nothing_is_lost_or_repeated_across_a_kill():
    across("kill")


@check
def nothing_is_lost_or_repeated_across_a_stop():
    across("stop")


users()
run()
