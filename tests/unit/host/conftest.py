"""The dummy plugin, installed by pip and loaded by its entry point."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.contracts import Tenant
from core.host import Host
from core.ids import new_id
from core.tenant_hooks import TenantHooks
from tests.support import dummy


@pytest.fixture(scope="session")
def dummy_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the dummy plugin is installed."""
    return dummy.install(tmp_path_factory.mktemp("dummy"))


@pytest.fixture(scope="module")  # no longer: it must not be found by the tests of other folders
def host(dummy_site: Path) -> Iterator[Host]:
    """All plugins: ours and the stranger's."""
    with dummy.importable(dummy_site):
        yield Host.load()


@pytest.fixture
def tenant() -> Tenant:
    """A company whose contract has the dummy plugin."""
    return Tenant(new_id(), "Ромашка", plugins=frozenset({"dummy"}))


@pytest.fixture
def hooks(host: Host, tenant: Tenant) -> TenantHooks:
    """Its hooks."""
    return host.for_tenant(tenant.plugins)
