"""What the host promises: plugins are checked at the start, isolated at work and named in faults."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from core._guard import FaultKind, Limits
from core.bus import EventBus
from core.contracts import Chain, Decision, Manifest, Tenant
from core.contributions import (
    DialOptions,
    Job,
    MenuItem,
    OutboxConsumer,
    Panel,
    Place,
    Refusal,
    StepType,
    Tables,
)
from core.errors import PluginError
from core.events import CallEnded, LineUnregistered
from core.hookspecs import hookimpl
from core.host import Host
from core.ids import new_id
from core.office import Viewer
from core.testing import make_facts

QUICK = Limits(sync=1.0, event=0.5, panels=0.5, boot=0.5, faults=3)
"""Short where somebody has to wait, yet no pause of a busy machine makes a fault of what is quick."""
VIEWER = Viewer(new_id(), None)


def plugin(name: str, default_on: bool = False, **hooks: object) -> SimpleNamespace:
    """A plugin of these implementations."""
    manifest = Manifest(name=name, version="1", title=name, summary="", default_on=default_on)
    return SimpleNamespace(
        manifest=manifest, **{hook: hookimpl(function) for hook, function in hooks.items()}
    )


def host_of(*plugins: SimpleNamespace, limits: Limits = QUICK) -> Host:
    return Host({each.manifest.name: each for each in plugins}, limits)


def decision() -> Decision:
    return Decision(new_id(), 1, new_id(), Chain())


def raising(*args, **kwargs):
    raise RuntimeError("oh dear")


@pytest.fixture
def tenant() -> Tenant:
    return Tenant(new_id(), "Ромашка", plugins=frozenset({"one", "two", "three"}))


@pytest.fixture
def facts(tenant):
    return make_facts(tenant)


def event(tenant: Tenant) -> LineUnregistered:
    return LineUnregistered(id=new_id(), tenant_id=tenant.id, at=0.0, terminal_id=new_id())


# --- checked at the start ---------------------------------------------------------------------


async def _async_admit(tenant, facts):
    return None


def _wrapper(tenant, facts):
    return (yield)


@pytest.mark.parametrize(
    ("hooks", "problem"),
    [
        ({"admit_call": _async_admit}, "admit_call must not be async"),
        ({"on_event": lambda tenant, event: None}, "on_event must be async"),
        ({"startup": lambda role: None}, "startup must be async"),
        ({"no_such_hook": lambda: None}, "unknown hook 'no_such_hook'"),
        ({"admit_call": lambda tenant, caller: None}, "caller"),
        ({"register_jobs": raising}, "register_jobs: RuntimeError('oh dear')"),
        ({"register_tables": lambda: ["one"]}, "register_tables returned list"),
        ({"register_jobs": lambda: Tables("one")}, "register_jobs returned Tables"),
        ({"register_jobs": lambda: [Tables("one")]}, "register_jobs returned list"),
        ({"register_jobs": lambda: [Job("two.job", "", _async_admit)]}, "must begin with its name"),
        ({"register_jobs": lambda: [Job("onejob", "", _async_admit)]}, "must begin with its name"),
        ({"register_jobs": lambda: [Job("one", "", _async_admit)] * 2}, "'one' is registered twice"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_plugin_stops_the_start_with_its_name(hooks, problem):
    with pytest.raises(PluginError) as error:
        host_of(plugin("one", **hooks))
    assert error.value.fields["plugin"] == "one"
    assert problem in error.value.message
    assert "\n" not in error.value.message


def test_wrappers_are_refused():
    wrong = plugin("one")
    wrong.admit_call = hookimpl(wrapper=True)(_wrapper)
    with pytest.raises(PluginError, match="must not be a wrapper"):
        host_of(wrong)


@pytest.mark.parametrize("name", ["One", "1", "a", "a-b", "x" * 41, "a.b"])
def test_names_of_plugins_are_plain(name):
    with pytest.raises(PluginError, match="a name is"):
        host_of(plugin(name))


def test_a_plugin_needs_a_manifest_of_its_own():
    with pytest.raises(PluginError, match="has no manifest"):
        Host({"one": SimpleNamespace()})
    with pytest.raises(PluginError, match="manifest says 'two'"):
        Host({"one": plugin("two")})


def _entry(name: str, value: str):
    from importlib.metadata import EntryPoint

    return EntryPoint(name, value, "sunsim")


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([_entry("ivr", "plugins.ivr"), _entry("ivr", "plugins.queue")], "two plugins have this name"),
        ([_entry("gone", "no.such.module")], "no.such.module: ModuleNotFoundError"),
        ([_entry("other", "plugins.ivr")], "its manifest says 'ivr'"),
    ],
    ids=["twice", "missing", "misnamed"],
)
def test_loading_names_the_plugin_that_cannot_be_loaded(monkeypatch, entries, problem):
    monkeypatch.setattr("core.host.entry_points", lambda group: entries)
    with pytest.raises(PluginError, match=problem):
        Host.load()


def test_every_contribution_has_an_owner():
    async def run(*args):
        return None

    host = host_of(
        plugin("one", register_jobs=lambda: [Job("one.b", "0 0 * * *", run)]),
        plugin("two", register_jobs=lambda: (Job("two", "0 0 * * *", run),)),
        plugin("three", register_outbox=lambda: [OutboxConsumer("three.c", (CallEnded,), run)]),
    )
    assert [(owned.plugin, owned.item.name) for owned in host.jobs] == [
        ("one", "one.b"),
        ("two", "two"),
    ]
    assert [(owned.plugin, owned.item.name) for owned in host.outbox] == [("three", "three.c")]
    assert host.step_types == host.routes == host.tables == ()


# --- the tenant's view --------------------------------------------------------------------------


def test_only_plugins_of_the_contract_act(tenant, facts):
    host = host_of(
        plugin("one", admit_call=lambda: Refusal("one")),
        plugin("two", admit_call=lambda: Refusal("two")),
    )
    for name in ("one", "two"):
        view = host.for_tenant({name, "not installed"})
        assert view.admit_call(tenant, facts).plugin == name
        assert name in view
        assert "not installed" not in view
    assert host.for_tenant(()).admit_call(tenant, facts) is None


def test_contributions_are_of_the_contract_too():
    async def run(*args):
        return None

    host = host_of(
        plugin("one", register_step_types=lambda: [StepType("one.step", "", Manifest, run)]),
        plugin("two", register_jobs=lambda: [Job("two", "", run)]),
    )
    one, two = host.for_tenant({"one"}), host.for_tenant({"two"})
    assert one.step_types["one.step"].item.run is run
    assert "one.step" not in two.step_types
    assert (list(one.jobs), list(two.jobs)) == ([], ["two"])


def test_views_are_shared_by_tenants_with_the_same_plugins():
    host = host_of(plugin("one"), plugin("two"))
    assert host.for_tenant(["one", "two"]) is host.for_tenant(frozenset({"two", "one", "gone"}))
    assert host.for_tenant(["one"]) is not host.for_tenant(["two"])


def test_default_plugins_are_those_whose_manifest_says_so():
    assert host_of(plugin("one", default_on=True), plugin("two")).default_plugins == {"one"}


# --- decisions ----------------------------------------------------------------------------------


def test_the_first_answer_in_the_order_of_names_counts(tenant, facts):
    asked = []

    def answer(name, result):
        def admit_call():
            asked.append(name)
            return result

        return admit_call

    host = host_of(
        plugin("three", admit_call=answer("three", None)),
        plugin("two", admit_call=answer("two", Refusal("two"))),
        plugin("one", admit_call=answer("one", None)),
    )
    assert host.for_tenant(tenant.plugins).admit_call(tenant, facts).plugin == "two"
    assert asked == ["one", "three", "two"]


def test_tryfirst_and_trylast_move_a_plugin(tenant, facts):
    last, first = plugin("one"), plugin("two")
    last.admit_call = hookimpl(trylast=True)(lambda: Refusal("last"))
    first.admit_call = hookimpl(tryfirst=True)(lambda: Refusal("first"))
    middle = plugin("three", admit_call=lambda: Refusal("middle"))
    view = host_of(last, middle, first).for_tenant(tenant.plugins)
    assert view.admit_call(tenant, facts).item.reason == "first"
    assert (
        host_of(last, middle).for_tenant(tenant.plugins).admit_call(tenant, facts).item.reason
        == "middle"
    )


@pytest.mark.parametrize("hook", ["admit_call", "route_call"])
@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (raising, FaultKind.RAISED),
        (lambda: "no", FaultKind.INVALID),
        (lambda: True, FaultKind.INVALID),
        (lambda: Refusal("no", 200), FaultKind.RAISED),
        (lambda: [], FaultKind.INVALID),
    ],
)
def test_a_faulty_decision_is_passed_over_and_its_plugin_named(tenant, facts, hook, bad, kind):
    good = Refusal("good") if hook == "admit_call" else decision()
    host = host_of(plugin("one", **{hook: bad}), plugin("two", **{hook: lambda: good}))
    view = host.for_tenant(tenant.plugins)
    with capture_logs() as logs:
        answer = getattr(view, hook)(tenant, facts)
    assert (answer.plugin, answer.item) == ("two", good)
    (fault,) = host.faults()
    assert (fault.plugin, fault.hook, fault.kind, fault.count) == ("one", hook, kind, 1)
    (line,) = logs
    assert (line["event"], line["plugin"], line["hook"]) == ("plugin_fault", "one", hook)


def test_if_all_are_faulty_the_call_goes_its_way(tenant, facts):
    view = host_of(plugin("one", admit_call=raising, route_call=raising)).for_tenant(["one"])
    assert view.admit_call(tenant, facts) is None
    assert view.route_call(tenant, facts) is None


def test_an_overrun_is_measured_and_its_answer_counts(tenant, facts):
    def slow():
        time.sleep(0.01)
        return Refusal("slow")

    host = host_of(plugin("one", admit_call=slow), limits=Limits(sync=0.005))
    assert host.for_tenant(["one"]).admit_call(tenant, facts).item.reason == "slow"
    (fault,) = host.faults()
    assert (fault.kind, fault.suspended) == (FaultKind.OVERRUN, False)


def test_after_a_row_of_faults_a_plugin_is_suspended_with_an_alert(tenant, facts):
    calls = []

    def bad():
        calls.append(1)
        raise RuntimeError("again")

    host = host_of(plugin("one", admit_call=bad))
    view = host.for_tenant(["one"])
    with capture_logs() as logs:
        for _ in range(10):
            assert view.admit_call(tenant, facts) is None
    assert len(calls) == QUICK.faults
    assert host.fault_counts == {"one": QUICK.faults}
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["plugin_suspended"]
    assert host.faults()[0].suspended


def test_a_success_ends_the_row(tenant, facts):
    answers = iter(["bad", "bad", None] * 5)
    host = host_of(plugin("one", admit_call=lambda: next(answers)))
    for _ in range(15):
        host.for_tenant(["one"]).admit_call(tenant, facts)
    (fault,) = host.faults()
    assert (fault.count, fault.suspended) == (10, False)


def test_arguments_not_asked_for_are_left_out(tenant, facts):
    seen = []
    host = host_of(
        plugin("one", admit_call=lambda facts: seen.extend([facts])),
        plugin("two", admit_call=lambda facts, tenant: seen.extend([tenant, facts])),
    )
    host.for_tenant(tenant.plugins).admit_call(tenant, facts)
    assert seen == [facts, tenant, facts]


def test_dial_options_of_all_plugins_together(tenant, facts):
    view = host_of(
        plugin("one", dial_options=lambda: DialOptions(headers=(("X-One", "1"),))),
        plugin("two", dial_options=lambda: DialOptions("Иванов", (("Alert-Info", "bell"),))),
        plugin("three", dial_options=lambda: DialOptions("Петров")),
    ).for_tenant(tenant.plugins)
    options = view.dial_options(tenant, facts, None)
    assert options == DialOptions("Петров", (("X-One", "1"), ("Alert-Info", "bell")))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Via", "x"),
        ("X-A\r\nVia", "x"),
        ("X-A", "x\r\nVia: y"),
        ("X A", "x"),
        ("X-Ä", "x"),
        ("X-A", "\0"),
    ],
)
def test_plugins_cannot_write_other_headers(name, value):
    with pytest.raises(ValueError, match=r"may not set|cannot be sent"):
        DialOptions(headers=((name, value),))


def test_a_caller_name_is_one_line():
    with pytest.raises(ValueError, match="cannot be sent"):
        DialOptions("Иванов\r\nVia: x")


# --- cabinet ------------------------------------------------------------------------------------


def test_menu_of_all_plugins_in_order(tenant):
    def items(*titles, order=100):
        return lambda: [MenuItem(title, f"/{title}", order=order) for title in titles]

    view = host_of(
        plugin("one", cabinet_menu=items("d", "b")),
        plugin("two", cabinet_menu=items("z", order=1)),
        plugin("three", cabinet_menu=raising),
    ).for_tenant(tenant.plugins)
    assert [owned.item.title for owned in view.cabinet_menu(tenant, VIEWER)] == ["z", "b", "d"]


async def test_panels_are_asked_at_once_and_late_ones_left_out(tenant):
    async def late():
        await asyncio.sleep(60)

    async def panel(place):
        await asyncio.sleep(0.02)
        return [Panel(place.name, order=2), Panel("first", order=1)]

    host = host_of(
        plugin("one", cabinet_panels=late),
        plugin("two", cabinet_panels=panel),
        plugin("three", cabinet_panels=panel),
    )
    panels = await host.for_tenant(tenant.plugins).cabinet_panels(tenant, VIEWER, Place("home"))
    assert [owned.item.template for owned in panels] == ["first", "first", "home", "home"]
    assert [(fault.plugin, fault.kind) for fault in host.faults()] == [("one", FaultKind.OVERRUN)]


# --- events -------------------------------------------------------------------------------------


async def test_events_reach_everybody_whatever_others_do(tenant):
    heard = []

    async def listen(event):
        heard.append(event)

    async def late():
        await asyncio.sleep(60)

    async def bad():
        raise RuntimeError("no")

    async def timeout_of_its_own():
        raise TimeoutError

    host = host_of(
        plugin("one", on_event=late),
        plugin("two", on_event=bad),
        plugin("three", on_event=listen),
        plugin("four", on_event=timeout_of_its_own),
    )
    happened = event(tenant)
    await host.for_tenant(host.manifests).on_event(tenant, happened)
    assert heard == [happened]
    assert {fault.plugin: fault.kind for fault in host.faults()} == {
        "one": FaultKind.OVERRUN,
        "two": FaultKind.RAISED,
        "four": FaultKind.RAISED,
    }


async def test_cancelling_the_one_who_tells_is_no_fault(tenant):
    async def late():
        await asyncio.sleep(60)

    host = host_of(plugin("one", on_event=late), limits=Limits())
    task = asyncio.create_task(host.for_tenant(["one"]).on_event(tenant, event(tenant)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert host.faults() == []


async def test_the_bus_tells_the_plugins_of_the_events_tenant_without_waiting(tenant):
    heard = []

    async def listen(tenant, event):
        await asyncio.sleep(0.01)
        heard.append((tenant, event))

    other = Tenant(new_id(), "Other")
    known = {tenant.id: tenant, other.id: other}
    bus = EventBus(host_of(plugin("one", on_event=listen)), known.get)
    happened = event(tenant)
    for each in (event(other), event(Tenant(new_id(), "Unknown"))):
        bus.publish(each)
    assert asyncio.all_tasks() == {asyncio.current_task()}  # nobody listens there: nothing to do
    bus.publish(happened)
    assert heard == []
    await bus.drain()
    assert heard == [(tenant, happened)]


async def test_a_flood_of_events_is_dropped_and_counted(tenant):
    async def late():
        await asyncio.sleep(60)

    bus = EventBus(host_of(plugin("one", on_event=late)), lambda _: tenant, capacity=10)
    with capture_logs() as logs:
        for _ in range(15):
            bus.publish(event(tenant))
    assert bus.dropped == 5
    assert [line["event"] for line in logs] == ["events_dropped"]
    await bus.drain()


# --- startup and shutdown -----------------------------------------------------------------------


async def _late(role):
    await asyncio.sleep(60)


async def _bad(role):
    raise OSError("no such host")


@pytest.mark.parametrize(("startup", "problem"), [(_late, "TimeoutError"), (_bad, "no such host")])
async def test_a_plugin_that_cannot_start_stops_the_start_with_its_name(startup, problem):
    with pytest.raises(PluginError, match=rf"The plugin one cannot be used: startup: .*{problem}"):
        await host_of(plugin("one", startup=startup)).startup("sip")


async def test_shutdown_goes_backwards_and_past_those_that_fail():
    order = []

    def noting(name):
        async def hook(role):
            order.append((name, role))

        return hook

    host = host_of(
        plugin("one", startup=noting("one"), shutdown=noting("one")),
        plugin("two", shutdown=_bad),
        plugin("three", startup=noting("three"), shutdown=noting("three")),
    )
    await host.startup("web")
    await host.shutdown("web")
    assert order == [("one", "web"), ("three", "web"), ("three", "web"), ("one", "web")]
