"""Every hook, used by a real third-party plugin; one test or more for each, named after it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from core import hookspecs
from core.contributions import Owned, Panel, Place
from core.events import CallEnded, CallStarted
from core.host import Host
from core.ids import new_id
from core.office import Viewer
from core.testing import make_cdr, make_facts

HOOKS = sorted(name for name, spec in vars(hookspecs).items() if hasattr(spec, "sunsim_spec"))


class FakeCall:
    """A call in which nobody answers, or somebody does."""

    def __init__(self, tenant, answered):
        self.tenant = tenant
        self.facts = make_facts(tenant)
        self.answered = answered
        self.dialled = []

    async def dial(self, step):
        self.dialled.append(step)
        return self.answered

    def hang_up(self, sip_status=480):
        raise AssertionError("nobody asked for that")


def mine(owned):
    return [item.item for item in owned if item.plugin == "dummy"]


def test_the_plugin_is_found_in_another_process(dummy_site, tmp_path):
    code = "from core.host import Host; print(*Host.load().manifests)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{Path.cwd()}:{dummy_site}"},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.split() == ["crm", "dummy", "ivr", "notifications", "payments", "queue"]


def test_the_plugin_uses_every_hook(host: Host):
    used = {rule for rule, row in host._guarded.items() for guarded in row if guarded.plugin == "dummy"}
    assert used == set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_test_here(hook):
    assert re.search(rf"^(async )?def test_{hook}(_|\()", Path(__file__).read_text(), re.MULTILINE)


def test_register_tables(host):
    (tables,) = mine(host.tables)
    assert tables.app == "dummy.piccolo_app"


def test_register_routes(host):
    (routes,) = mine(host.routes)
    assert [handler.paths for handler in routes.pages + routes.api] == [{"/dummy/visits"}] * 2
    assert (routes.templates / "panel.html").is_file()


@pytest.mark.parametrize(("answered", "then"), [(True, "end"), (False, "continue")])
async def test_register_step_types(hooks, tenant, answered, then):
    step = hooks.step_types["dummy.detour"].item
    config = msgspec.convert({"number": "+79160000002"}, step.config)
    call = FakeCall(tenant, answered)
    assert await step.run(call, config) == then
    assert [addressee.ref for addressee in call.dialled[0].addressees] == ["+79160000002"]


async def test_register_jobs(hooks, tenant):
    job = hooks.jobs["dummy.nightly"]
    assert job.plugin == "dummy"
    from dummy.service import nights

    before = nights._value.get()
    await job.item.run(tenant)
    assert nights._value.get() == before + 1


def test_register_outbox(hooks):
    consumer = hooks.outbox["dummy.visits"].item
    assert consumer.events == (CallEnded,)


async def test_startup(host, roles):
    await host.startup("sip")
    assert roles == ["sip"]


async def test_shutdown(host, roles):
    await host.startup("sip")
    await host.startup("worker")
    await host.shutdown("sip")
    assert roles == ["worker"]


@pytest.fixture
def roles(host):
    """In which roles the dummy plugin was started."""
    from dummy import service

    yield service.roles
    service.roles.clear()


def test_admit_call(hooks, tenant):
    assert hooks.admit_call(tenant, make_facts(tenant)) is None
    refused = hooks.admit_call(tenant, make_facts(tenant, caller="+70000000666"))
    assert (refused.plugin, refused.item.reason, refused.item.sip_status) == ("dummy", "blocked", 603)


def test_route_call(hooks, tenant):
    assert hooks.route_call(tenant, make_facts(tenant)) is None
    decided = hooks.route_call(tenant, make_facts(tenant, called="+74950000000"))
    assert decided.plugin == "dummy"
    assert decided.item.trace == (("dummy", "shortcut"),)


def test_dial_options(hooks, tenant):
    options = hooks.dial_options(tenant, make_facts(tenant, caller="+79160000001"), None)
    assert options.caller_name == "Ромашка: +79160000001"
    assert options.headers == (("X-Dummy", "1"),)


@pytest.mark.parametrize("administrator", [True, False])
def test_cabinet_menu(hooks, tenant, administrator):
    viewer = Viewer(new_id(), new_id(), administrator)
    assert [entry.item.path for entry in hooks.cabinet_menu(tenant, viewer)] == (
        ["/dummy/visits"] if administrator else []
    )


async def test_cabinet_panels(hooks, tenant):
    viewer = Viewer(new_id(), None)
    assert await hooks.cabinet_panels(tenant, viewer, Place("call", new_id())) == []
    assert await hooks.cabinet_panels(tenant, viewer, Place("home")) == [
        Owned("dummy", Panel("dummy/panel.html", {"started": 0}))
    ]


async def test_on_event(hooks, tenant):
    from dummy import service

    facts = make_facts(tenant)
    about = {"id": new_id(), "tenant_id": tenant.id, "at": 0.0}
    call = {"call_id": facts.call_id, "direction": facts.direction, "caller": None, "called": "1"}
    await hooks.on_event(tenant, CallStarted(**about, **call))
    await hooks.on_event(tenant, CallEnded(**about, cdr=make_cdr(facts)))
    assert service.started[tenant.id] == 1
