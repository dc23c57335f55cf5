"""System streams and links by kurrentdbclient, a client that others wrote, against
`ledgerline log serve`."""

import time
from uuid import uuid4

from checks import check, client, equal, events, fails, fresh, ids, run, say, take
from kurrentdbclient import NewEvent, StreamState
from kurrentdbclient.exceptions import KurrentDBClientError, NotFoundError


def category():
    return f"kind{uuid4().hex}"


def append(stream, what):
    client.append_to_stream(stream, current_version=StreamState.ANY, events=what)
    return what


def links(*targets):
    data = [target.encode() for target in targets]
    octets = "application/octet-stream"
    return [NewEvent(type="$>", data=one, content_type=octets) for one in data]


def made(kind):
    """Five events in two streams of a category, with others between."""
    written = append(f"{kind}-1", events(2))
    append(fresh(), events(1))
    written += append(f"{kind}-2", events(2))
    return written + append(f"{kind}-1", events(1))


@check
def a_category_is_read_both_ways():
    kind = category()
    written = made(kind)
    plain = client.get_stream(f"$ce-{kind}")
    targets = [f"0@{kind}-1", f"1@{kind}-1", f"0@{kind}-2", f"1@{kind}-2", f"2@{kind}-1"]
    equal([one.data.decode() for one in plain], targets)
    equal({one.type for one in plain}, {"$>"})
    equal([one.stream_position for one in plain], list(range(5)))
    found = client.get_stream(f"$ce-{kind}", resolve_links=True)
    equal(ids(found), ids(written))
    equal([f"{one.stream_position}@{one.stream_name}" for one in found], targets)
    equal([one.link.id for one in found], ids(plain))
    backwards = client.get_stream(
        f"$ce-{kind}", stream_position=3, backwards=True, limit=2, resolve_links=True
    )
    equal(ids(backwards), [written[3].id, written[2].id])


@check
def a_category_is_followed_live():
    kind = category()
    written = append(f"{kind}-1", events(2))
    name = f"$ce-{kind}"
    with client.subscribe_to_stream(name, resolve_links=True) as resolved:
        with client.subscribe_to_stream(name, stream_position=1) as plain:
            equal(ids(take(resolved, 2)), ids(written))
            append(fresh(), events(1))
            written += append(f"{kind}-2", events(3))
            found = take(resolved, 3)
            equal(ids(found), ids(written[2:]))
            equal([one.link.stream_position for one in found], [2, 3, 4])
            equal(ids(take(plain, 3)), [one.link.id for one in found])


@check
def a_group_shares_a_category():
    kind = category()
    name = f"$ce-{kind}"
    client.create_subscription_to_stream("g", name, resolve_links=True)
    with client.read_subscription_to_stream("g", name) as consumer:
        written = append(f"{kind}-1", events(2)) + append(f"{kind}-2", events(2))
        found = []
        for one in consumer:
            consumer.ack(one)
            found.append(one)
            if len(found) == 4:
                break
        equal(ids(found), ids(written))
        equal([one.link.stream_position for one in found], [0, 1, 2, 3])


@check
def events_of_a_type():
    kind = category()
    written = append(fresh(), events(2, kind)) + append(fresh(), events(1, kind))
    equal(ids(client.get_stream(f"$et-{kind}", resolve_links=True)), ids(written))


@check
def streams_are_listed():
    kind = category()
    made(kind)
    first = [f"0@{kind}-1", f"0@{kind}-2"]
    found = [one.data.decode() for one in client.get_stream("$streams")]
    equal([one for one in found if kind in one], first)
    found = client.get_stream(f"$category-{kind}")
    equal([(one.type, one.data.decode()) for one in found], [("$@", f"{kind}-{n}") for n in (1, 2)])


@check
def links_that_clients_wrote_are_resolved():
    source, stream = fresh(), fresh("links")
    written = append(source, events(3))
    linked = append(stream, links(f"2@{source}", f"0@{source}"))
    found = client.get_stream(stream, resolve_links=True)
    equal(ids(found), [written[2].id, written[0].id])
    equal([one.link.id for one in found], ids(linked))
    equal(ids(client.get_stream(stream)), ids(linked))


@check
def links_are_resolved_in_all():
    start = client.get_commit_position()
    source = fresh()
    written = append(source, events(1))
    linked = append(fresh("links"), links(f"0@{source}"))
    options = {"commit_position": start, "filter_exclude": [], "resolve_links": True}
    found = [one for one in client.read_all(**options) if one.id == written[0].id]
    equal([one.link and one.link.id for one in found], [None, linked[0].id])
    with client.subscribe_to_all(**options) as subscription:
        # The position is that of the last event that is no system event, and links are such.
        found = take((one for one in subscription if one.id == written[0].id), 2)
        equal([one.link and one.link.id for one in found], [None, linked[0].id])


@check
def a_link_stays_when_its_event_is_gone():
    kind = category()
    written = made(kind)
    client.delete_stream(f"{kind}-1", current_version=StreamState.ANY)
    equal(len(client.get_stream(f"$ce-{kind}")), 6)
    equal(ids(client.get_stream(f"$ce-{kind}", resolve_links=True, limit=5)), ids(written[2:4]))


@check
def system_streams_are_not_written_to():
    kind = category()
    append(f"{kind}-1", events(1))
    for name in (f"$ce-{kind}", "$streams", "$et-OrderPlaced"):
        for action in (
            lambda: append(name, events(1)),
            lambda: client.delete_stream(name, current_version=StreamState.ANY),
            lambda: client.set_stream_metadata(name, metadata={"$maxCount": 9}),
        ):
            try:
                action()
            except KurrentDBClientError:
                continue
            raise AssertionError(f"{name} was written to")
    equal(len(client.get_stream(f"$ce-{kind}")), 1)
    try:
        client.get_stream("$ce-none")
    except NotFoundError:
        return
    raise AssertionError("a category without streams was found")


@check
def nothing_changes_across_a_stop():
    kind = category()
    made(kind)
    before = ids(client.get_stream(f"$ce-{kind}"))
    following = client.subscribe_to_stream(f"$ce-{kind}", from_end=True)
    say(ask="stop")
    # It ends when the server goes: what is read from here on comes from the new one.
    fails(KurrentDBClientError, lambda: next(following))
    deadline = time.monotonic() + 60
    while True:
        try:
            equal(ids(client.get_stream(f"$ce-{kind}")), before)
            return
        except KurrentDBClientError:
            assert time.monotonic() < deadline, "the server does not come back"
            time.sleep(0.1)


run()
