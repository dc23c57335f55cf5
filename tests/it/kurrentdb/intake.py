"""Leads that kurrentdbclient, a client that others wrote, offers to a platform that runs."""

import json
import time
import traceback
from uuid import uuid4

import checks
from checks import READER, check, client, equal, run, say
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import (
    AccessDeniedError,
    BadRequestError,
    GrpcError,
    KurrentDBClientError,
    WrongCurrentVersionError,
)

ANY, NO_STREAM = StreamState.ANY, StreamState.NO_STREAM
INBOX = "inbox-loans"


def fails(*what):
    """Expects an error that says nothing of a person."""
    error = checks.fails(*what)
    for secret in ("555018", "Zebulon"):
        assert secret not in str(error), str(error)


def lead(type="LeadOffered", **fields):
    metadata = json.dumps({"$correlationId": str(uuid4()), "actor": "Zebulon"}).encode()
    return NewEvent(type=type, data=json.dumps(fields).encode(), metadata=metadata)


def append(stream, events, version=ANY):
    return client.append_to_stream(stream, current_version=version, events=events)


def outcomes(events):
    return [json.loads(one.data)["outcome"] for one in events]


FIRST = [
    lead(phone="+12125550181", name="Zebulon", age=33, job="services", mail="z@archer.example"),
    lead(phone="+1 (212) 555-0181", name="Zebulon", job="admin"),
    lead(name="Zebulon"),
]


@check
def leads_of_three_kinds_come_in():
    start = client.get_commit_position()
    position = append(INBOX, FIRST, NO_STREAM)
    recorded = client.get_stream(INBOX)
    equal([one.id for one in recorded], [one.id for one in FIRST])
    equal(recorded[-1].commit_position, position)
    equal(outcomes(recorded), ["accepted", "duplicate", "rejected"])
    rejected = json.loads(recorded[2].data)
    equal((rejected["column"], rejected["reason"]), ("phone", "is missing"))
    for sent, kept in zip(FIRST, recorded):
        metadata = json.loads(kept.metadata)
        equal(metadata["$correlationId"], json.loads(sent.metadata)["$correlationId"])
        equal(metadata["actor"], "intake:admin" if READER != "-" else "intake:anonymous")
    with client.subscribe_to_all(commit_position=start, filter_include=["LeadImported"]) as leads:
        imported = next(leads)
    fields = json.loads(imported.data)
    equal(fields["lead_id"], json.loads(recorded[0].data)["lead_id"])
    equal(fields["portrait"], {"age": "33", "job": "services"})
    with client.subscribe_to_all(commit_position=start, filter_include=["AttemptStarted"]) as dials:
        equal(json.loads(next(dials).data)["lead_id"], fields["lead_id"])


@check
def the_same_again_is_the_repeat_it_is():
    before = client.get_stream(INBOX)
    for version in (ANY, NO_STREAM):
        equal(append(INBOX, FIRST, version), before[-1].commit_position)
    equal(len(client.get_stream(INBOX)), len(before))


@check
def one_lead_comes_in_at_a_revision():
    version = client.get_current_version(INBOX)
    one = lead(phone="+12125550182")
    client.append_event(INBOX, current_version=version, event=one)
    equal(outcomes(client.get_stream(INBOX))[-1], "accepted")
    other = lead(phone="+12125550183")
    fails(
        WrongCurrentVersionError,
        lambda: client.append_event(INBOX, current_version=version, event=other),
    )
    fails(WrongCurrentVersionError, lambda: append(INBOX, [other], version), f" {version + 1} ")
    fails(WrongCurrentVersionError, lambda: append(INBOX, [one, other]))
    equal(client.get_current_version(INBOX), version + 1)


@check
def what_cannot_be_a_lead_is_refused_and_said():
    version = client.get_current_version(INBOX)
    one = lead(phone="+12125550184", name="Zebulon")
    fails(BadRequestError, lambda: append("inbox-+12125550184", [one]), "loans")
    fails(BadRequestError, lambda: append(INBOX, [one, NewEvent("LeadOffered", b"[1]")]), "lead 2")
    fails(BadRequestError, lambda: append(INBOX, [lead("+12125550184", phone="x")]), "LeadOffered")
    single = NewEvent("LeadOffered", b'"+12125550184"')
    fails(
        GrpcError,
        lambda: client.append_event(INBOX, current_version=ANY, event=single),
        "no JSON object",
    )
    equal(client.get_current_version(INBOX), version)


@check
def the_platform_alone_writes_its_facts():
    paused = NewEvent("CampaignPaused", b'{"campaign_id":"loans","reason":"x"}')
    fails(BadRequestError, lambda: append("campaign-loans", [paused]), "running platform")
    fails(BadRequestError, lambda: append(f"orders-{uuid4()}", [paused]), "running platform")
    fails(
        KurrentDBClientError,
        lambda: client.tombstone_stream("platform-node-1", current_version=ANY),
    )
    append(f"orders-{uuid4()}", [NewEvent("OrderPlaced", b"{}")])


def across(ask, number):
    leads = [lead(phone="+12125550100".replace("0100", f"01{number}{n}")) for n in range(5)]
    position = append(INBOX, leads)
    length = len(client.get_stream(INBOX))
    following = client.subscribe_to_stream(INBOX, from_end=True)
    say(ask=ask)
    # It ends when the server goes: what is offered from here on meets none, or the new one.
    fails(KurrentDBClientError, lambda: next(following))
    deadline = time.monotonic() + 60
    while True:
        try:
            equal(append(INBOX, leads), position)
            break
        except KurrentDBClientError:
            assert time.monotonic() < deadline, traceback.format_exc()
            time.sleep(0.05)
    recorded = client.get_stream(INBOX)
    equal(len(recorded), length)
    equal(outcomes(recorded)[-5:], ["accepted"] * 5)


@check
def leads_are_taken_once_across_a_kill():
    across("kill", 6)


@check
def leads_are_taken_once_across_a_stop():
    across("stop", 7)


def a_reader_offers_nothing():
    reader = KurrentDBClient(uri=READER)
    one = lead(phone="+12125550189")
    fails(
        AccessDeniedError,
        lambda: reader.append_to_stream(INBOX, current_version=ANY, events=[one]),
    )
    reader.close()


if READER != "-":
    check(a_reader_offers_nothing)
run()
