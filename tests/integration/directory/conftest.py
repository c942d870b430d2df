"""A small company on a real database, and the parts under test around it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import msgspec
import pytest

from core.contracts import (
    Branch,
    CallFacts,
    CallStep,
    Cdr,
    Chain,
    Direction,
    Outcome,
    Scenario,
    StepCode,
)
from core.ids import new_id
from tenants import tables
from tenants.db import Database
from tenants.directory import MemoryDirectory
from tenants.listener import Listener
from tenants.secrets import Vault, seal_ha1
from tests.support.database import add_stock, add_tenant

HA1 = {"MD5": "0" * 32, "SHA-256": "1" * 64}


@dataclass
class Company:
    """Ids of what ``make_company`` made."""

    id: UUID
    employee_id: UUID
    terminal_id: UUID
    number_id: UUID
    scenario_id: UUID
    e164: str
    login: str


@pytest.fixture
def vault(data_settings) -> Vault:
    return Vault.open(data_settings)


@pytest.fixture
async def listener(database) -> AsyncIterator[Listener]:
    opened = Listener(database.listen_connection)
    opened.start()
    async with asyncio.timeout(10):
        await opened.wait_connected()
    yield opened
    await opened.stop()


@pytest.fixture
def make_company(database: Database, vault: Vault):
    """A function that makes a company with one employee, a SIP line, a number and a scenario."""

    async def make(index: int = 1, name: str = "Ромашка", plugins: tuple[str, ...] = ()) -> Company:
        company = Company(
            id=await add_tenant(database, name, plugins=list(plugins)),
            employee_id=new_id(),
            terminal_id=new_id(),
            number_id=new_id(),
            scenario_id=new_id(),
            e164=f"+7495{index:07}",
            login=f"005{index:07}",
        )
        stock_id = await add_stock(database, company.e164, company.id)
        default = Branch(new_id(), "default", Chain())
        scenario = Scenario(company.scenario_id, "По умолчанию", 1, default)
        ha1 = msgspec.json.encode(seal_ha1(vault, company.login, HA1)).decode()
        async with database.tenant(company.id):
            for row in (
                tables.Employee(id=company.employee_id, name="Иванов", extension="101"),
                tables.Terminal(
                    id=company.terminal_id,
                    employee_id=company.employee_id,
                    kind="sip",
                    address=company.login,
                    ha1=ha1,
                ),
                tables.Scenario(id=company.scenario_id, name="По умолчанию"),
                tables.ScenarioVersion(
                    scenario_id=company.scenario_id, body=msgspec.json.encode(scenario).decode()
                ),
                tables.Number(
                    id=company.number_id,
                    stock_id=stock_id,
                    e164=company.e164,
                    scenario_id=company.scenario_id,
                ),
            ):
                await type(row).insert(row)
        return company

    return make


@pytest.fixture
async def company(make_company) -> Company:
    return await make_company()


def call_of(company: Company, **changes: object) -> Cdr:
    """The record of an answered call to the company."""
    now = time.time()
    facts = CallFacts(
        new_id(),
        company.id,
        Direction.INCOMING,
        "+79031112233",
        company.e164,
        number_id=company.number_id,
    )
    cdr = Cdr(
        call_id=facts.call_id,
        tenant_id=company.id,
        direction=facts.direction,
        caller=facts.caller,
        called=facts.called,
        outcome=Outcome.ANSWERED,
        sip_status=200,
        started_at=now - 10,
        ended_at=now,
        ended_by="caller",
        steps=(
            CallStep(now - 10, StepCode.ARRIVED, address=company.e164),
            CallStep(now, StepCode.ENDED, data={"by": "caller"}),
        ),
        facts=facts,
    )
    return msgspec.structs.replace(cdr, **changes)


@pytest.fixture
async def directory(database, listener, vault, company) -> AsyncIterator[MemoryDirectory]:
    """Follows the tables; it knows the company."""
    opened = MemoryDirectory(database, listener, vault)
    await opened.start()
    yield opened
    await opened.close()
