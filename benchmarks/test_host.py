"""What plugins cost a call before any of them does anything."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from core.contracts import Manifest, Tenant
from core.hookspecs import hookimpl
from core.host import Host
from core.ids import new_id
from core.testing import make_facts

TENANT = Tenant(new_id(), "Ромашка", plugins=frozenset(f"plugin{n}" for n in range(10)))


def host_of(count: int) -> Host:
    """So many plugins that let every call pass."""

    def plugin(name: str) -> SimpleNamespace:
        manifest = Manifest(name=name, version="1", title="", summary="")
        return SimpleNamespace(manifest=manifest, admit_call=hookimpl(lambda tenant, facts: None))

    return Host({f"plugin{n}": plugin(f"plugin{n}") for n in range(count)})


@pytest.mark.parametrize("count", [0, 1, 10])
def test_admit_call(benchmark, count):
    hooks, facts = host_of(count).for_tenant(TENANT.plugins), make_facts(TENANT)
    assert benchmark(hooks.admit_call, TENANT, facts) is None


def test_view_of_a_tenant(benchmark):
    host = host_of(10)
    assert benchmark(host.for_tenant, TENANT.plugins) is host.for_tenant(TENANT.plugins)
