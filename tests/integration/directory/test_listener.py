"""Notices reach those whom they concern, merged, and never silently stop."""

from __future__ import annotations

import asyncio

import pytest

from core.ids import new_id
from tenants.listener import CONFIG, LIVE, NOBODY, RESYNC, Listener, Notice
from tests.support.waiting import until


@pytest.fixture
def notify(database):
    async def send(channel: str, payload: str) -> None:
        async with database.directory() as session:
            await session.execute("SELECT pg_notify($1, $2)", channel, payload)

    return send


def about(tenant_id, kind="employees", version=1) -> str:
    tenant = f'"{tenant_id}"' if tenant_id else "null"
    return f'{{"tenant_id": {tenant}, "kind": "{kind}", "version": {version}}}'


async def take(subscription, seconds: float = 60.0):
    async with asyncio.timeout(seconds):
        return await subscription.take()


async def silent(subscription) -> bool:
    try:
        await take(subscription, 0.2)
    except TimeoutError:
        return True
    return False


async def test_only_those_whom_it_concerns(listener, notify):
    mine, other = new_id(), new_id()
    with (
        listener.subscribe(CONFIG, mine) as of_mine,
        listener.subscribe(CONFIG) as of_all,
        listener.subscribe(CONFIG, other) as of_other,
        listener.subscribe(LIVE, mine) as elsewhere,
        listener.subscribe(CONFIG, NOBODY) as of_nobody,
    ):
        await notify(CONFIG, about(mine))
        assert await take(of_mine) == await take(of_all) == [Notice(mine, "employees", 1)]
        for subscription in (of_other, elsewhere, of_nobody):
            assert await silent(subscription)


async def test_what_is_about_nobody_reaches_everybody(listener, notify):
    with listener.subscribe(CONFIG, new_id()) as one, listener.subscribe(CONFIG) as everything:
        await notify(CONFIG, about(None, "trunks", 0))
        assert await take(one) == await take(everything) == [Notice(None, "trunks", 0)]


async def test_notices_nobody_took_are_merged(listener, notify):
    tenant_id = new_id()
    with listener.subscribe(CONFIG, tenant_id) as slow, listener.subscribe(CONFIG) as quick:
        for version in range(1, 30):
            await notify(CONFIG, about(tenant_id, version=version))
        await notify(CONFIG, about(tenant_id, "numbers", 30))
        seen = 0
        while seen < 30:
            seen = max(notice.version for notice in await take(quick))
        assert await take(slow) == [
            Notice(tenant_id, "employees", 29),
            Notice(tenant_id, "numbers", 30),
        ]


async def test_nonsense_is_passed_over(listener, notify):
    with listener.subscribe(CONFIG) as subscription:
        for payload in ("", "hello", "[1]", '{"tenant_id": 7}', '{"tenant_id": "x"}'):
            await notify(CONFIG, payload)
        tenant_id = new_id()
        await notify(CONFIG, about(tenant_id))
        assert await take(subscription) == [Notice(tenant_id, "employees", 1)]


async def test_everybody_hears_of_a_lost_connection(listener, notify, postgres):
    with (
        listener.subscribe(LIVE, new_id()) as one,
        listener.subscribe(CONFIG) as everything,
        listener.subscribe(LIVE, NOBODY) as nobody,
    ):
        postgres.embedded.stop()
        try:
            await until(lambda: not listener.connected)
            await asyncio.sleep(0.5)  # some attempts fail
        finally:
            postgres.embedded.start()
        for subscription in (one, everything, nobody):
            assert [notice.kind for notice in await take(subscription)] == [RESYNC]
        await notify(CONFIG, about(None))
        assert await take(everything)


async def test_it_starts_without_a_database(database, postgres):
    postgres.embedded.stop()
    listener = Listener(database.listen_connection)
    try:
        listener.start()
        await asyncio.sleep(0.3)
        assert not listener.connected
    finally:
        postgres.embedded.start()
    async with asyncio.timeout(60):
        await listener.wait_connected()
    await listener.stop()


async def test_a_server_that_says_nothing_is_taken_for_lost(database, monkeypatch):
    """The peer vanished: the connection stands, but nothing comes back."""
    monkeypatch.setattr("tenants.listener.PING_SECONDS", 0.2)
    connections = []

    async def connect():
        connections.append(await database.listen_connection())
        return connections[-1]

    listener = Listener(connect)
    listener.start()
    await listener.wait_connected()
    # Stop reading from the socket, so that no answer is ever seen.
    connections[0]._transport.pause_reading()
    await until(lambda: len(connections) == 2 and listener.connected)
    await listener.stop()


async def test_subscribers_who_leave_are_forgotten(listener):
    with listener.subscribe(LIVE, new_id()):
        assert listener._subscribers
    assert not listener._subscribers
