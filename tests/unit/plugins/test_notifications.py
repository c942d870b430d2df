"""The notifications plugin: which calls are missed, and that each is reported without numbers."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

import plugins.notifications
from core.contracts import Direction, Outcome
from core.events import CallEnded
from core.ids import new_id
from core.metrics import REGISTRY
from core.testing import make_cdr, make_facts
from plugins.notifications.logic import is_missed
from plugins.notifications.service import missed_calls


@pytest.mark.parametrize(
    ("outcome", "missed"),
    [
        (Outcome.ANSWERED, False),
        (Outcome.BUSY, True),
        (Outcome.NO_ANSWER, True),
        (Outcome.CANCELLED, True),
        (Outcome.REFUSED, False),
        (Outcome.FAILED, True),
    ],
)
def test_missed_is_who_wanted_to_speak_and_did_not(sunsim_tenant, outcome, missed):
    incoming = make_cdr(make_facts(sunsim_tenant), outcome=outcome)
    outgoing = make_cdr(make_facts(sunsim_tenant, direction=Direction.OUTGOING), outcome=outcome)
    assert is_missed(incoming) is missed
    assert is_missed(outgoing) is False


async def test_a_missed_call_is_counted_and_logged_without_anybodys_number(sunsim_host, sunsim_tenant):
    host = sunsim_host(plugins.notifications)
    (consumer,) = host.for_tenant({"notifications"}).outbox.values()
    counted = missed_calls.labels(outcome="no_answer")._value
    before = counted.get()
    for outcome in (Outcome.NO_ANSWER, Outcome.ANSWERED):
        cdr = make_cdr(make_facts(sunsim_tenant), outcome=outcome)
        event = CallEnded(id=new_id(), tenant_id=sunsim_tenant.id, at=0.0, cdr=cdr)
        with capture_logs() as logs:
            await consumer.item.handle(sunsim_tenant, event)
        assert [line["event"] for line in logs] == ["missed_call"] * is_missed(cdr)
        assert "+7" not in str(logs)
    assert counted.get() == before + 1
    assert b"sunsim_notifications_missed_calls_total" in generate_latest(REGISTRY)
