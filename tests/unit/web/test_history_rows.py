"""What a row of the history says of who is at the other end."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from core.contracts import ContactKind, Direction, Outcome
from core.ids import new_id
from tenants.services.calls import CallClient, CallRow
from web.controllers.history_views import row
from web.formats import Formats

BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PAGE = SimpleNamespace(
    formats=Formats("en", "UTC"), text=lambda msgid, **fields: msgid.format_map(fields)
)
CLIENT, OURS = "+79160000001", "+74950000001"
ANNA = CallClient(new_id(), "Anna Lee", ContactKind.BUSINESS, None)


def call(direction, **more):
    ends = (CLIENT, OURS) if direction is Direction.INCOMING else (OURS, CLIENT)
    found = CallRow(
        new_id(), direction, ends[0], "LEE A", ends[1], Outcome.ANSWERED,
        BEGAN, BEGAN, BEGAN + timedelta(seconds=60), 9, 51, None, "",
    )  # fmt: skip
    return replace(found, **more)


@pytest.mark.parametrize("direction", [Direction.INCOMING, Direction.OUTGOING])
def test_a_contact_is_shown_by_name_with_the_number_below(direction):
    shown = row(call(direction, client=ANNA), PAGE)
    assert (shown.client, shown.client_note) == ("Anna Lee", PAGE.formats.phone(CLIENT))


def test_a_stranger_is_shown_by_number_with_the_name_that_the_network_gave():
    shown = row(call(Direction.INCOMING), PAGE)
    assert (shown.client, shown.client_note) == (PAGE.formats.phone(CLIENT), "LEE A")
    unsaved = replace(ANNA, name="", kind=ContactKind.UNSAVED)
    assert row(call(Direction.INCOMING, client=unsaved), PAGE).client == shown.client


def test_nobody_who_hides_the_number_is_named():
    assert row(call(Direction.INCOMING, caller=None, caller_name=""), PAGE).client == "Hidden number"
