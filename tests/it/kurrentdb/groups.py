"""Persistent subscriptions of kurrentdbclient, a client that others wrote, against
`ledgerline log serve`."""

import time
from uuid import uuid4

from checks import READER, check, client, equal, event, events, fails, fresh, ids, run, say
from kurrentdbclient import KurrentDBClient, StreamState
from kurrentdbclient.exceptions import (
    AccessDeniedError,
    AlreadyExistsError,
    CancelledError,
    KurrentDBClientError,
    MaximumSubscriptionsReachedError,
    NotFoundError,
)

# Checkpoints of every event, at once.
EAGER = {"min_checkpoint_count": 1, "max_checkpoint_count": 1}


def append(stream, what):
    client.append_to_stream(stream, current_version=StreamState.ANY, events=what)
    return what


def take(subscription, count, ack=True):
    found = []
    for one in subscription:
        found.append(one)
        if ack:
            subscription.ack(one)
        if len(found) == count:
            break
    return found


def until(look):
    """Waits for something to be so."""
    deadline = time.monotonic() + 20
    while True:
        seen = look()
        if seen or time.monotonic() > deadline:
            assert seen, "it did not come to be so"
            return seen
        time.sleep(0.02)


def made(count=0, **settings):
    """A stream with events, and a group over it."""
    stream, group = fresh(), "group"
    written = append(stream, events(count)) if count else []
    client.create_subscription_to_stream(group, stream, **settings)
    return stream, group, written


def info(stream, group):
    return client.get_subscription_info(group, stream)


def join(stream, group, **more):
    return client.read_subscription_to_stream(group, stream, max_ack_delay=0.02, **more)


@check
def a_group_is_made_once():
    stream, group, _ = made()
    fails(AlreadyExistsError, lambda: client.create_subscription_to_stream(group, stream))
    client.create_subscription_to_stream("another", stream)
    client.delete_subscription(group, stream)
    client.create_subscription_to_stream(group, stream)


@check
def a_group_that_is_not_there_is_not_found():
    stream = fresh()
    fails(NotFoundError, lambda: client.get_subscription_info("none", stream))
    fails(NotFoundError, lambda: client.read_subscription_to_stream("none", stream))
    fails(NotFoundError, lambda: client.read_subscription_to_all("none"))
    fails(NotFoundError, lambda: client.update_subscription_to_stream("none", stream))
    fails(NotFoundError, lambda: client.delete_subscription("none", stream))
    fails(NotFoundError, lambda: client.replay_parked_events("none", stream))
    equal(client.list_subscriptions_to_stream(stream), [])


@check
def events_come_from_the_start_and_live():
    stream, group, written = made(5, **EAGER)
    with join(stream, group) as consumer:
        found = take(consumer, 5)
        written += append(stream, events(3))
        found += take(consumer, 3)
        equal(ids(found), ids(written))
        equal([one.stream_position for one in found], list(range(8)))
        equal({one.retry_count for one in found}, {0})
        until(lambda: info(stream, group).last_checkpointed_event_position == "7")


@check
def a_group_starts_where_it_is_told():
    stream, _, written = made(4)
    client.create_subscription_to_stream("middle", stream, stream_position=2)
    client.create_subscription_to_stream("end", stream, from_end=True)
    written += append(stream, events(1))
    with join(stream, "middle") as consumer:
        equal(ids(take(consumer, 3)), ids(written[2:]))
    with join(stream, "end") as consumer:
        equal(ids(take(consumer, 1)), ids(written[4:]))
    equal(info(stream, "middle").start_from, "2")
    equal(info(stream, "end").start_from, "-1")


@check
def a_stream_may_still_be_to_come():
    stream, group, _ = made()
    with join(stream, group) as consumer:
        written = append(stream, events(2))
        equal(ids(take(consumer, 2)), ids(written))


@check
def nacks_retry_and_skip():
    stream, group, written = made(2, **EAGER)
    with join(stream, group, event_buffer_size=1) as consumer:
        for count in range(3):
            one = next(consumer)
            equal((one.id, one.retry_count), (written[0].id, count))
            consumer.nack(one, ["retry", "unknown", "skip"][count])
        equal(take(consumer, 1)[0].id, written[1].id)
        until(lambda: info(stream, group).last_checkpointed_event_position == "1")


@check
def parked_events_are_kept_and_given_again():
    stream, group, written = made(3, **EAGER)
    with join(stream, group) as consumer:
        for _ in range(3):
            one = next(consumer)
            if one.stream_position < 2:
                consumer.nack(one, "park")
            else:
                consumer.ack(one)
        until(lambda: info(stream, group).parked_message_count == 2)
        parked = client.get_stream(f"$persistentsubscription-{stream}::{group}-parked")
        equal([one.data.decode() for one in parked], [f"0@{stream}", f"1@{stream}"])
        client.replay_parked_events(group, stream)
        again = take(consumer, 2)
        equal(ids(again), ids(written[:2]))
        equal([one.link.id for one in again], ids(parked))
        until(lambda: info(stream, group).parked_message_count == 0)


@check
def an_event_without_an_answer_comes_again_and_is_parked():
    stream, group, written = made(1, message_timeout=0.3, max_retry_count=2)
    with join(stream, group) as consumer:
        equal([next(consumer).retry_count for _ in range(3)], [0, 1, 2])
        until(lambda: info(stream, group).parked_message_count == 1)
        client.replay_parked_events(group, stream)
        equal(take(consumer, 1)[0].id, written[0].id)


@check
def consumers_share_in_turn():
    stream, group, _ = made(consumer_strategy="RoundRobin")
    with join(stream, group) as one, join(stream, group) as two:
        until(lambda: len(info(stream, group).connections) == 2)
        written = append(stream, events(10))
        found = take(one, 5), take(two, 5)
        equal(sorted(map(str, ids(found[0] + found[1]))), sorted(map(str, ids(written))))


@check
def one_consumer_gets_all_until_it_is_full():
    stream, group, _ = made(consumer_strategy="DispatchToSingle")
    with join(stream, group, event_buffer_size=4) as one, join(stream, group) as two:
        until(lambda: len(info(stream, group).connections) == 2)
        written = append(stream, events(6))
        equal(ids(take(one, 4, ack=False)), ids(written[:4]))
        equal(ids(take(two, 2, ack=False)), ids(written[4:]))


@check
def a_stream_stays_with_one_consumer():
    for strategy in ("Pinned", "PinnedByCorrelation"):
        group, prefix = fresh("group"), fresh("kind")
        client.create_subscription_to_all(
            group,
            from_end=True,
            filter_include=[prefix + "-.*"],
            filter_by_stream_name=True,
            consumer_strategy=strategy,
        )
        streams = [f"{prefix}-{n}" for n in range(20)]
        with client.read_subscription_to_all(group) as one:
            with client.read_subscription_to_all(group) as two:
                until(lambda: len(client.get_subscription_info(group).connections) == 2)
                for stream in streams:
                    append(stream, events(2))
                until(lambda: client.get_subscription_info(group).total_items == 40)
                counts = [
                    each.total_items for each in client.get_subscription_info(group).connections
                ]
                assert all(counts), counts
                of_one = {each.stream_name for each in take(one, counts[0])}
                of_two = {each.stream_name for each in take(two, counts[1])}
                equal(of_one | of_two, set(streams))
                equal(of_one & of_two, set())
        client.delete_subscription(group)


@check
def what_a_consumer_leaves_goes_to_another():
    stream, group, written = made(3)
    with join(stream, group) as leaver:
        equal(len(take(leaver, 3, ack=False)), 3)
    with join(stream, group) as other:
        found = take(other, 3)
        equal(ids(found), ids(written))
        equal({one.retry_count for one in found}, {1})


@check
def only_so_many_consumers():
    stream, group, _ = made(max_subscriber_count=1)
    with join(stream, group):
        fails(MaximumSubscriptionsReachedError, lambda: join(stream, group))
    until(lambda: not info(stream, group).connections)
    with join(stream, group) as consumer:
        append(stream, events(1))
        equal(len(take(consumer, 1)), 1)


@check
def links_come_with_what_they_point_at():
    source, stream = fresh(), fresh("links")
    written = append(source, events(2))
    data = [f"{n}@{source}".encode() for n in (1, 0)] + [f"7@{source}".encode()]
    linked = [event("$>", one, content_type="application/octet-stream") for one in data]
    append(stream, linked)
    client.create_subscription_to_stream("group", stream, resolve_links=True)
    with join(stream, "group") as consumer:
        found = take(consumer, 2)
        equal(ids(found), [written[1].id, written[0].id])
        equal([one.link.id for one in found], ids(linked[:2]))
    client.create_subscription_to_stream("plain", stream)
    with join(stream, "plain") as consumer:
        equal(ids(take(consumer, 3)), ids(linked))


@check
def all_streams_through_a_filter():
    group, kind = fresh("group"), f"Kind{uuid4().hex}"
    written = append(fresh(), events(2, kind))
    append(fresh(), events(2))
    client.create_subscription_to_all(group, filter_include=[kind], **EAGER)
    with client.read_subscription_to_all(group) as consumer:
        found = take(consumer, 2)
        written += append(fresh(), events(1, kind))
        found += take(consumer, 1)
        equal(ids(found), ids(written))
        # It ends up at the last event there is, without writing about its own checkpoints.
        until(lambda: client.get_subscription_info(group).last_checkpointed_event_position)
        position = found[-1].commit_position
        equal(
            client.get_subscription_info(group).last_known_event_position,
            f"C:{position}/P:{position}",
        )
    client.delete_subscription(group)


@check
def a_group_of_all_does_not_write_for_ever():
    group = fresh("group")
    client.create_subscription_to_all(group, from_end=True, **EAGER)
    with client.read_subscription_to_all(group) as consumer:
        append(fresh(), events(1))
        take(consumer, 1)
        until(lambda: client.get_subscription_info(group).last_checkpointed_event_position)
        before = client.get_commit_position()
        written = append(fresh(), events(1))
        equal(take(consumer, 1)[0].id, written[0].id)
        assert client.get_commit_position() - before < 5
    client.delete_subscription(group)


@check
def a_change_lets_consumers_go_and_keeps_the_place():
    stream, group, written = made(2, **EAGER)
    consumer = join(stream, group)
    take(consumer, 2)
    until(lambda: info(stream, group).last_checkpointed_event_position == "1")
    client.update_subscription_to_stream(group, stream, max_retry_count=3, read_batch_size=7)
    fails(CancelledError, lambda: next(consumer))
    told = info(stream, group)
    equal((told.max_retry_count, told.read_batch_size), (3, 7))
    written += append(stream, events(1))
    with join(stream, group) as consumer:
        equal(ids(take(consumer, 1)), ids(written[2:]))


@check
def a_group_of_the_same_name_starts_anew():
    stream, group, written = made(2, **EAGER)
    consumer = join(stream, group)
    one = next(consumer)
    consumer.nack(one, "park")
    take(consumer, 1)
    until(lambda: info(stream, group).last_checkpointed_event_position == "1")
    client.delete_subscription(group, stream)
    fails(CancelledError, lambda: next(consumer))
    client.create_subscription_to_stream(group, stream)
    equal(info(stream, group).parked_message_count, 0)
    equal(info(stream, group).last_checkpointed_event_position, "")
    with join(stream, group) as consumer:
        equal(ids(take(consumer, 2)), ids(written))


@check
def groups_are_listed():
    stream, group, _ = made()
    client.create_subscription_to_stream("another", stream)
    found = client.list_subscriptions_to_stream(stream)
    equal(sorted(one.group_name for one in found), ["another", group])
    everywhere = {(one.event_source, one.group_name) for one in client.list_subscriptions()}
    assert {(stream, group), (stream, "another")} <= everywhere, everywhere


@check
def a_group_tells_of_itself():
    settings = {
        "resolve_links": True,
        "consumer_strategy": "RoundRobin",
        "message_timeout": 12.0,
        "max_retry_count": 4,
        "min_checkpoint_count": 3,
        "max_checkpoint_count": 30,
        "checkpoint_after": 5.0,
        "max_subscriber_count": 6,
        "live_buffer_size": 70,
        "read_batch_size": 8,
        "history_buffer_size": 90,
        "extra_statistics": True,
    }
    stream, group, _ = made(5, **settings)
    told = info(stream, group)
    equal({name: getattr(told, name) for name in settings}, settings)
    equal((told.event_source, told.group_name), (stream, group))
    until(lambda: info(stream, group).status == "Live")
    equal(info(stream, group).live_buffer_count, 5)
    with join(stream, group, event_buffer_size=3) as consumer:
        take(consumer, 1)
        until(lambda: info(stream, group).total_items == 4)
        told = info(stream, group)
        equal((told.total_in_flight_messages, told.outstanding_messages_count), (3, 3))
        (connection,) = told.connections
        equal((connection.available_slots, connection.in_flight_messages), (0, 3))
        equal(connection.total_items, 4)
        keys = {one.key for one in connection.observed_measurements}
        assert {"Mean", "Median", "99.9%"} <= keys, keys
        equal(told.last_known_event_position, "4")


@check
def settings_that_cannot_be_are_refused():
    for wrong in (
        {"consumer_strategy": "Nobody"},
        {"read_batch_size": 500, "history_buffer_size": 500},
    ):
        fails(KurrentDBClientError, lambda wrong=wrong: made(**wrong))
    refused = lambda: client.create_subscription_to_all("far", commit_position=1 << 40)
    fails(KurrentDBClientError, refused)
    fails(KurrentDBClientError, lambda: client.create_subscription_to_stream("group", "x" * 255))


@check
def nothing_is_lost_across_a_kill():
    stream, group, written = made(20, **EAGER)
    client.create_subscription_to_stream("end", stream, from_end=True)
    consumer = join(stream, group)
    found = take(consumer, 10)
    consumer.nack(found := next(consumer), "park")
    equal(found.id, written[10].id)
    until(lambda: info(stream, group).last_checkpointed_event_position == "10")
    take(consumer, 4, ack=False)
    late = append(stream, events(1))
    say(ask="kill")
    fails(KurrentDBClientError, lambda: take(consumer, 20, ack=False))
    told = until(lambda: again(lambda: info(stream, group)))
    equal(told.last_checkpointed_event_position, "10")
    equal(told.parked_message_count, 1)
    with join(stream, group) as consumer:
        # What nobody answered comes again, what was done does not.
        equal(ids(take(consumer, 10)), ids(written[11:] + late))
        client.replay_parked_events(group, stream)
        equal(ids(take(consumer, 1)), ids(written[10:11]))
    with join(stream, "end") as consumer:
        # The end is what it was when the group was made.
        equal(ids(take(consumer, 1)), ids(late))


@check
def what_is_done_stays_done_across_a_stop():
    stream, group, written = made(10, min_checkpoint_count=100)
    consumer = join(stream, group)
    take(consumer, 6)
    until(lambda: info(stream, group).total_in_flight_messages == 4)
    say(ask="stop")
    fails(KurrentDBClientError, lambda: take(consumer, 5))
    told = until(lambda: again(lambda: info(stream, group)))
    equal(told.last_checkpointed_event_position, "5")
    with join(stream, group) as consumer:
        equal(ids(take(consumer, 4)), ids(written[6:]))


def again(action):
    try:
        return action()
    except NotFoundError:
        raise
    except KurrentDBClientError:
        return None


def users():
    if READER == "-":
        return

    @check
    def a_reader_consumes_and_changes_nothing():
        stream, group, written = made(1)
        reader = KurrentDBClient(uri=READER)
        fails(AccessDeniedError, lambda: reader.create_subscription_to_stream("x", stream))
        fails(AccessDeniedError, lambda: reader.delete_subscription(group, stream))
        fails(AccessDeniedError, lambda: reader.replay_parked_events(group, stream))
        with reader.read_subscription_to_stream(group, stream) as consumer:
            equal(ids(take(consumer, 1)), ids(written))
            (connection,) = info(stream, group).connections
            equal(connection.username, "board")
        reader.close()


users()
run()
