"""Phones stay reachable whatever happens to the process, and only as long as their password does."""

import asyncio
import signal

import pytest

from tenants.db import Database
from tenants.services.lines import RevealLine, change_password
from tenants.services.throttle import LoginThrottle
from tests.e2e.test_calls import answering, calling
from tests.support.free_ports import free_port
from tests.support.instance import company_in, own_instance


async def kept(company, count):
    """Wait until the database has the phones of so many lines."""
    async with asyncio.timeout(60):
        while True:
            async with company.db.tenant(company.id) as session:
                if await session.fetchval("SELECT count(*) FROM line_bindings") == count:
                    return
            await asyncio.sleep(0.1)


async def test_a_phone_is_called_after_a_restart_and_after_a_kill_without_registering_again():
    phone, listen = free_port("127.0.0.1"), f"127.0.0.1:{free_port('127.0.0.1')}"
    with own_instance("restart", "--sip", listen, end=signal.SIGKILL) as instance:
        async with company_in(instance) as company:
            await company.register(company.admin.sip, port=phone, expires=3600)
            await company.register(company.admin.lines["web"], expires=3600, by="tcp")
            await kept(company, 1)
            for number in (signal.SIGTERM, signal.SIGKILL):
                await start_again(company, number)
                assert instance.metrics()["sunsim_sip_lines"] == 1  # not the one by TCP
                async with answering().running(instance.sip, "127.0.0.1", phone) as called:
                    await company.dial_in(calling(company.caller(), company.number))
                    seen = await called.finish()
                assert "REGISTER sip:" not in seen


async def start_again(company, number):
    """Stop the company's instance by this signal and start it again on the same port."""
    instance = company.instance
    await company.db.close()
    if number == signal.SIGKILL:
        instance.process.kill()
        instance.process.wait()  # children that are left die a moment later
    else:
        instance.stop(number)
    instance.start()
    company.db = await Database.open(instance.settings.data)


@pytest.mark.parametrize("change", ["reset", "delete", "suspend"])
async def test_phones_of_a_line_that_is_no_more_are_gone_at_once(company, change):
    await company.register(company.admin.sip, expires=3600)
    await company.online(1)
    if change == "reset":
        command = RevealLine(company.admin.sip.line_id)
        await change_password(company.db, company.issuer, LoginThrottle(), company.here, command)
    elif change == "delete":
        await company.sql("DELETE FROM terminals WHERE id = $1", company.admin.sip.line_id)
    else:
        company.instance.cli("tenant", "suspend", str(company.id))
    await company.online(0)
    if change == "reset":
        await company.register(company.admin.sip, expect=401)  # the old password
