"""How much and how often: sizes of requests, rates of tokens, guesses of tokens."""

from __future__ import annotations

import asyncio
import socket

import httpx
import pytest
import uvicorn

from tests.support.api import World, opened
from web.api.access import Gate


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def strict(database, data_settings, cheap_passwords, clock):
    gate = Gate(requests=5, failures=3, clock=clock)
    async with opened(database, data_settings, gate) as found:
        yield found


async def test_a_token_has_so_many_requests_a_minute(strict: World, clock: Clock):
    for path in ("/contract", "/employees", "/lines", "/numbers", "/calls"):
        assert (await strict.call("GET", path, strict.ours.token)).status_code == 200
    clock.now += 20
    answer = await strict.call("GET", "/contract", strict.ours.token)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert answer.headers["retry-after"] == "40"
    assert (await strict.call("GET", "/contract", strict.theirs.token)).status_code == 200
    clock.now += 40
    assert (await strict.call("GET", "/contract", strict.ours.token)).status_code == 200


async def test_guessing_tokens_is_slowed_down_without_shutting_out_the_office(
    strict: World, clock: Clock
):
    assert (await strict.call("GET", "/contract", strict.ours.token)).status_code == 200
    for guess, path in enumerate(("/contract", "/employees", "/lines")):
        answer = await strict.call("GET", path, f"sst_guess{guess}")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    for token in ("sst_guess", strict.theirs.token):
        answer = await strict.call("GET", "/contract", token)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "300")
    assert (await strict.call("GET", "/contract", strict.ours.token)).status_code == 200
    clock.now += 300
    assert (await strict.call("GET", "/contract", strict.theirs.token)).status_code == 200


async def test_missing_tokens_are_no_guesses(strict: World):
    for _ in range(10):
        assert (await strict.call("GET", "/contract")).status_code == 401


@pytest.fixture
async def url(world: World):
    """The application behind a real server."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(world.app, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    async with asyncio.timeout(60):
        while not server.started:
            await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}/api/v1"
    server.should_exit = True
    await serving


@pytest.mark.parametrize("announced", [True, False], ids=["content-length", "chunked"])
@pytest.mark.parametrize("token", [True, False], ids=["token", "anonymous"])
async def test_50_megabytes_are_refused_cleanly(world: World, url: str, token: bool, announced: bool):
    sent = 0

    async def much():
        nonlocal sent
        for _ in range(50):
            sent += 1 << 20
            yield b" " * (1 << 20)

    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {world.ours.token}"
    if announced:
        headers["Content-Length"] = str(50 << 20)
    async with httpx.AsyncClient(timeout=120) as client:
        answer = await client.post(f"{url}/employees", content=much(), headers=headers)
        assert answer.status_code == (413 if token else 401)
        assert answer.json()["code"] == ("too_large" if token else "unauthenticated")
        assert answer.headers["content-type"] == "application/problem+json"
        assert sent <= 50 << 20
        well = await client.get(
            f"{url}/contract", headers={"Authorization": f"Bearer {world.ours.token}"}
        )
        assert well.status_code == 200  # the connection is as good as before


async def test_the_largest_request_is_read_and_one_byte_more_is_not(world: World):
    for size, code in ((64 * 1024, "invalid"), (64 * 1024 + 1, "too_large")):
        content = b'{"name": "' + b"x" * (size - 12) + b'"}'
        assert len(content) == size
        answer = await world.call(
            "POST",
            "/employees",
            world.ours.token,
            content=content,
            headers={"Content-Type": "application/json"},
        )
        assert answer.json()["code"] == code
