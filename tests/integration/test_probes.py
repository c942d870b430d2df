"""Health and metrics of a process: who may see what, and what a part that hangs does."""

import asyncio

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from web.probes import probes


def client(checks=None, host="127.0.0.1", metrics_from=()):
    app = Litestar(probes(checks or {}, metrics_from), openapi_config=None)

    async def from_host(scope, receive, send):
        await app({**scope, "client": (host, 1)} if scope["type"] == "http" else scope, receive, send)

    return TestClient(from_host)


async def well():
    return True


async def ill():
    return False


async def gone():
    raise OSError


def test_ready_names_the_parts():
    with client({"database": well, "media": ill, "disk": gone}) as http:
        answer = http.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["parts"] == {"database": True, "media": False, "disk": False}


def test_a_part_that_hangs_is_not_ready(monkeypatch):
    monkeypatch.setattr("web.probes._PATIENCE", 0.05)

    async def hangs():
        await asyncio.sleep(60)

    with client({"media": hangs}) as http:
        assert http.get("/health/ready").status_code == 503
        assert http.get("/health/live").status_code == 200


@pytest.mark.parametrize(
    ("host", "networks", "status"),
    [
        ("127.0.0.1", (), 200),
        ("::1", (), 200),
        ("192.0.2.7", (), 404),
        ("192.0.2.7", ("192.0.2.0/24",), 200),
        ("unix", (), 404),
    ],
)
def test_metrics_are_shown_to_this_machine_and_those_who_are_named(host, networks, status):
    with client(host=host, metrics_from=networks) as http:
        assert http.get("/metrics").status_code == status
