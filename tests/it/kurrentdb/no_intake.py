"""A lead that kurrentdbclient offers to `ledgerline log serve`, which takes none."""

from checks import check, client, fails, run
from kurrentdbclient import NewEvent, StreamState
from kurrentdbclient.exceptions import KurrentDBClientError

INBOX, ANY = "inbox-loans", StreamState.ANY
lead = NewEvent("LeadOffered", b'{"phone":"+12125550181","name":"Zebulon"}')


@check
def an_inbox_takes_nothing():
    for append in (
        lambda: client.append_to_stream(INBOX, current_version=ANY, events=[lead, lead]),
        lambda: client.append_event(INBOX, current_version=ANY, event=lead),
    ):
        error = fails(KurrentDBClientError, append, "ledgerline run")
        assert "Zebulon" not in str(error), error


run()
