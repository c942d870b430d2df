"""What a company has on day one (features.md ACC), and that it has it whole or not at all."""

from datetime import UTC, datetime

import msgspec
import pytest

from core import routing
from core.contracts import CallFacts, Direction, Live, Par, Ring, TerminalKind
from core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from core.ids import new_id
from tenants.services import activation, contracts, employees, numbers, sessions
from tenants.services.activation import DEFAULT_NAME, ActivateContract
from tenants.services.actor import Actor, Role, operator
from tenants.services.sessions import Login
from tenants.tables import Employee, Number, Scenario, ScenarioVersion, Schedule, TerminalState
from tests.support.company import PASSWORD, activate, directory_of

MOMENTS = [  # a working day, the dead of night, a Sunday, a public holiday
    datetime(2026, 11, 23, 11, 0, tzinfo=UTC),
    datetime(2026, 11, 24, 0, 30, tzinfo=UTC),
    datetime(2026, 11, 22, 3, 0, tzinfo=UTC),
    datetime(2027, 1, 1, 5, 0, tzinfo=UTC),
]


def incoming(tenant_id, number, caller="+79031112233"):
    return CallFacts(
        call_id=new_id(),
        tenant_id=tenant_id,
        direction=Direction.INCOMING,
        caller=caller,
        called=number.e164,
        number_id=number.id,
    )


def rings(node):
    return [node] if isinstance(node, Ring) else [ring for item in node.items for ring in rings(item)]


@pytest.mark.spec("ACC-01", at="rule")
async def test_exactly_one_employee_who_is_administrator(company):
    found = await employees.employees(company.db, company.admin)
    assert [person.role for person in found] == [Role.ADMINISTRATOR]
    assert found[0].name == "Ольга Иванова"


@pytest.mark.spec("ACC-02", at="rule")
async def test_the_email_of_the_purchase_is_the_login(company, throttle):
    assert company.activated.employee.email == "olga@romashka.example"
    signed_in = await sessions.login(
        company.db, throttle, Login("Olga@Romashka.example", PASSWORD), session_hours=12
    )
    me = await sessions.authenticate(company.db, signed_in.token, session_hours=12)
    assert me.actor.employee_id == company.activated.employee.id
    assert me.actor.role is Role.ADMINISTRATOR
    with pytest.raises(Unauthenticated):
        await sessions.login(company.db, throttle, Login("Ольга Иванова", PASSWORD), 12)


@pytest.mark.spec("ACC-03", at="rule")
async def test_the_phone_of_the_purchase_is_the_external_number(company, vault):
    async with directory_of(company.db, vault) as directory:
        terminals = directory.snapshot(company.id).terminals
    external = [t for t in terminals if t.kind is TerminalKind.EXTERNAL]
    assert [(t.address, t.active) for t in external] == [("+79161234567", True)]
    assert external[0].employee_id == company.activated.employee.id


@pytest.mark.spec("ACC-04", at="rule")
async def test_one_schedule_monday_to_friday_nine_to_six_is_the_default(company):
    async with company.db.tenant(company.id):
        schedules = await Schedule.select()
    assert [schedule["is_default"] for schedule in schedules] == [True]
    week = msgspec.json.decode(schedules[0]["week"])
    assert week == [[[9 * 60, 18 * 60]]] * 5 + [[], []]


@pytest.mark.spec("ACC-06", "FLT-01", at="rule")
async def test_exactly_one_scenario_named_by_default_and_enabled(company, vault):
    async with company.db.tenant(company.id):
        scenarios = await Scenario.select(Scenario.name, Scenario.enabled)
    assert scenarios == [{"name": "По умолчанию", "enabled": True}]
    async with directory_of(company.db, vault) as directory:
        (scenario,) = directory.snapshot(company.id).scenarios
    assert (scenario.name, scenario.enabled) == ("По умолчанию", True)
    default = scenario.default
    assert default.name == "Номера, не входящие в фильтры"
    assert (default.schedule_id, default.calendar_id, default.filter) == (None, None, None)
    assert scenario.branches == ()


@pytest.mark.spec("ACC-07", "SCN-01", at="rule")
@pytest.mark.parametrize("caller", ["+79031112233", "+4930901820", None])
async def test_every_call_at_any_time_goes_to_the_first_employee(company, vault, caller):
    await company.hire("Борис Кузнецов", extension="102")
    async with directory_of(company.db, vault) as directory:
        snapshot = directory.snapshot(company.id)
    compiled = routing.compile(snapshot)
    first = company.activated.employee.id
    own = [t.id for t in snapshot.terminals if t.employee_id == first]
    live = Live(registered=frozenset(t.id for t in snapshot.terminals))
    for number in company.activated.numbers:
        facts = incoming(company.id, number, caller)
        for moment in MOMENTS:
            decision = routing.route(compiled, facts, moment.timestamp())
            assert decision.scenario_id == snapshot.scenarios[0].id
            (dial,) = decision.chain.steps
            plan = routing.plan(compiled, dial, facts, live, moment.timestamp(), seed=1)
            assert isinstance(plan.root, Par)
            assert {ring.terminal_id for ring in rings(plan.root)} == set(own)
            assert len(own) == 4


@pytest.mark.spec("ACC-08", at="rule")
async def test_every_number_also_a_later_one_gets_the_default_scenario(company):
    operator_ = operator()
    await numbers.add(company.db, operator_, numbers.AddNumber("84951110003"))
    later = await numbers.assign(
        company.db, operator_, numbers.AssignNumber("+74951110003", company.id)
    )
    found = await numbers.numbers(company.db, company.admin)
    assert [n.scenario_name for n in found] == [DEFAULT_NAME] * 3
    assert [n.e164 for n in found] == ["+74951110001", "+74951110002", "+74951110003"]
    # An administrator can give it another one.
    async with company.db.tenant(company.id):
        other = Scenario(name="Ночь", version=1)
        await Scenario.insert(other)
        await ScenarioVersion.insert(ScenarioVersion(scenario_id=other.id, version=1, body="{}"))
    changed = await numbers.update(
        company.db,
        company.admin,
        numbers.UpdateNumber(later.id, later.version, scenario_id=other.id),
    )
    assert changed.scenario_name == "Ночь"


@pytest.mark.spec("ACC-10", at="rule")
async def test_every_employee_first_or_later_has_three_lines(company):
    later = await company.hire("Борис Кузнецов")
    for card in (company.activated.employee, later):
        kinds = [line.kind for line in card.lines]
        assert kinds == [TerminalKind.MOBILE, TerminalKind.SIP, TerminalKind.WEB]
        assert all(line.login.startswith("005") and len(line.login) == 10 for line in card.lines)
        assert all(line.state is TerminalState.ACTIVE for line in card.lines)
    logins = [line.login for card in (company.activated.employee, later) for line in card.lines]
    assert len(set(logins)) == 6


async def test_the_contract_has_the_default_plugins(company):
    tenant = await contracts.get(company.db, company.admin)
    assert frozenset(tenant.plugins) == contracts.default_plugins()
    other = await activate(company.db, company.issuer, "x@y.example", plugins=frozenset({"crm"}))
    assert other.activated.tenant.plugins == ("crm",)


async def test_a_made_password_is_told_once_and_works(database, issuer, throttle):
    company = await activate(database, issuer, password=None, token="erp")
    made = company.activated.password
    assert len(made) >= 16
    assert company.activated.api_token.startswith("sst_")
    await sessions.login(database, throttle, Login(company.activated.email, made), 12)


async def test_what_is_wrong_is_said_by_field(database, issuer):
    for wrong in (
        {"email": "nobody"},
        {"email": ""},
        {"phone": "12"},
        {"company": " "},
        {"timezone": "Europe/Nowhere"},
        {"password": "short"},
        {"password": "olga@romashka.example"},
        {"extension": "1"},
        {"plugins": frozenset({"nope"})},
        {"phone": "12", "name": "", "email": "@"},
    ):
        with pytest.raises(Invalid) as caught:
            await activate(database, issuer, **wrong)
        assert set(caught.value.errors) == set(wrong)


async def test_it_is_all_or_nothing(company, issuer):
    """A number that is taken stops the activation at its very end; nothing of it remains."""
    before = await contracts.tenants(company.db, operator())
    with pytest.raises(Conflict):
        await activate_with(company.db, issuer, "new@x.example", "+74951110001")
    with pytest.raises(NotFound):
        await activate_with(company.db, issuer, "new@x.example", "+74959999999")
    assert await contracts.tenants(company.db, operator()) == before
    async with company.db.directory() as session:
        for table in (Employee, Scenario, Schedule, Number):
            name = table._meta.tablename
            foreign = await session.fetchval(
                f"SELECT count(*) FROM {name} WHERE tenant_id <> $1", company.id
            )
            assert foreign == 0


async def activate_with(db, issuer, email, number):
    command = ActivateContract("Новая", "Новый", email, "+79160000000", numbers=(number,))
    return await activation.activate(db, issuer, operator(), command)


async def test_an_email_can_be_the_login_of_one_company_only(company, issuer):
    with pytest.raises(Invalid) as caught:
        await activate(company.db, issuer, "OLGA@romashka.example")
    assert set(caught.value.errors) == {"email"}


async def test_only_the_operator_activates(company, issuer):
    command = ActivateContract("Новая", "Новый", "n@x.example", "+79160000000")
    with pytest.raises(NotFound):
        await activation.activate(company.db, issuer, company.admin, command)
    limited = Actor(None, Role.OPERATOR, scopes=frozenset({"tenants:read"}))
    with pytest.raises(Forbidden):
        await activation.activate(company.db, issuer, limited, command)
