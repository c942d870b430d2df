"""What the operator does: companies, plugins, tokens, carriers."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from core.contracts import CarrierAccount, IdentityHeader, NumberFormat, TrunkTransport
from core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from core.ids import new_id
from core.sip import _wire as wire
from core.trunk.board import TrunkState
from tenants.secrets import Vault, open_trunk_password
from tenants.services import audit, contracts, employees, lines, numbers, offers, tokens, trunks
from tenants.services.actor import SCOPES, Role, operator
from tenants.services.tokens import CreateToken
from tenants.services.trunks import AddTrunk, EditTrunk
from tenants.tables import ApiToken, OperatorToken, TenantStatus, TerminalState
from tenants.trunkstate import TrunkStateWriter
from tests.support.company import activate, directory_of, person

OPERATOR = operator("shop")


# --- companies and plugins --------------------------------------------------------------------


async def test_companies_by_name_or_id(company):
    other = await activate(company.db, company.issuer, "x@y.example", company="Ёлка")
    found = await contracts.tenants(company.db, OPERATOR)
    assert {t.name for t in found} == {"ООО «Ромашка»", "Ёлка"}
    for text in ("Ёлка", str(other.id)):
        assert (await contracts.find(company.db, OPERATOR, text)).id == other.id
    with pytest.raises(NotFound):
        await contracts.find(company.db, OPERATOR, "Ромашка")
    await activate(company.db, company.issuer, "z@y.example", company="Ёлка")
    with pytest.raises(Invalid):
        await contracts.find(company.db, OPERATOR, "Ёлка")


async def test_a_company_sees_itself_only(company):
    other = await activate(company.db, company.issuer, "x@y.example")
    assert (await contracts.get(company.db, company.admin)).id == company.id
    with pytest.raises(NotFound):
        await contracts.get(company.db, company.admin, other.id)
    for hidden in (
        contracts.tenants(company.db, company.admin),
        contracts.set_status(company.db, company.admin, company.id, TenantStatus.SUSPENDED),
        contracts.set_plugin(company.db, company.admin, company.id, "crm", True),
    ):
        with pytest.raises(NotFound):
            await hidden
    with pytest.raises(NotFound):
        await contracts.get(company.db, OPERATOR, new_id())


async def test_a_suspended_company_has_no_lines(company, vault):
    line = company.activated.employee.lines[0]
    await contracts.set_status(company.db, OPERATOR, company.id, TenantStatus.SUSPENDED)
    async with directory_of(company.db, vault) as directory:
        assert directory.line(line.login) is None
    log = await audit.entries(company.db, company.admin)
    assert (log[0].action, log[0].before) == ("tenant.status", {"status": "active"})


async def test_plugins_are_put_in_and_taken_out(company, vault):
    await contracts.set_plugin(company.db, OPERATOR, company.id, "crm", True)
    async with directory_of(company.db, vault) as directory:
        assert "crm" in directory.snapshot(company.id).plugins
    states = {p.name: p.enabled for p in await contracts.plugins(company.db, company.admin)}
    assert states["crm"] is True
    changed = await contracts.set_plugin(company.db, OPERATOR, company.id, "crm", False)
    assert "crm" not in changed.plugins
    with pytest.raises(NotFound):
        await contracts.set_plugin(company.db, OPERATOR, company.id, "nope", True)
    assert {p.enabled for p in await contracts.plugins(company.db, OPERATOR)} == {None}


def only(actor, scope):
    """The same as a token that may do this one thing."""
    return structs.replace(actor, scopes=frozenset({scope}))


async def test_who_may_write_only_is_told_what_was_done(company):
    """An answer that one may not have, after the change was stored, would be a "no" to it."""
    buyer = only(company.admin, "numbers:write")
    await numbers.add(company.db, OPERATOR, numbers.AddNumber("+74953330001"))
    (bought,) = await offers.buy(company.db, buyer, offers.BuyNumbers(("+74953330001",)))
    assert bought.e164 == "+74953330001"
    hired = await employees.create(
        company.db,
        company.issuer,
        only(company.admin, "employees:write"),
        employees.CreateEmployee("Борис"),
    )
    assert {line.state for line in hired.lines} == {TerminalState.ACTIVE}
    seller = only(OPERATOR, "tenants:write")
    suspended = await contracts.set_status(company.db, seller, company.id, TenantStatus.SUSPENDED)
    assert suspended.status is TenantStatus.SUSPENDED
    assert "crm" in (await contracts.set_plugin(company.db, seller, company.id, "crm", True)).plugins
    carrier = await trunks.set_enabled(company.db, only(OPERATOR, "trunks:write"), "carrier", False)
    assert not carrier.enabled


async def test_who_was_stored_is_not_asked_to_try_again(company, monkeypatch):
    """The database goes away between the employee and the activation of the lines."""

    async def away(*_):
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(lines, "activate_pending", away)
        hired = await company.hire("Борис")
        new = await activate(company.db, company.issuer, "x@y.example", password=None, token="ERP")
    for card in (hired, new.activated.employee):
        assert {line.state for line in card.lines} == {TerminalState.PENDING}
    assert new.activated.password and new.activated.api_token
    assert await lines.activate_all_pending(company.db, company.issuer) == 6


# --- tokens -----------------------------------------------------------------------------------


async def test_a_token_opens_its_company_within_its_scopes(company):
    made = await tokens.create(
        company.db, company.admin, CreateToken("ERP", ("employees:read",), days=30)
    )
    actor = await tokens.authenticate(company.db, made.token, "9.9.9.9")
    assert (actor.tenant_id, actor.role, actor.source) == (company.id, Role.ADMINISTRATOR, "9.9.9.9")
    assert len(await employees.employees(company.db, actor)) == 1
    with pytest.raises(Forbidden):
        await employees.create(company.db, company.issuer, actor, employees.CreateEmployee("Борис"))
    listed = await tokens.tokens(company.db, company.admin)
    assert [(t.name, t.scopes) for t in listed] == [("ERP", ("employees:read",))]
    assert listed[0].last_used_at is not None
    assert made.token not in repr(await audit.entries(company.db, company.admin))


async def test_what_ends_a_token(company):
    made = await tokens.create(company.db, company.admin, CreateToken("ERP", days=1))
    await tokens.authenticate(company.db, made.token)
    async with company.db.tenant(company.id):
        past = datetime.now(UTC) - timedelta(seconds=1)
        await ApiToken.update({ApiToken.expires_at: past}, force=True)
    with pytest.raises(Unauthenticated):
        await tokens.authenticate(company.db, made.token)
    other = await tokens.create(company.db, company.admin, CreateToken("ERP"))
    await tokens.revoke(company.db, company.admin, other.id)
    for wrong in (other.token, other.token[:-1], "", "sso_" + other.token):
        with pytest.raises(Unauthenticated):
            await tokens.authenticate(company.db, wrong)
    with pytest.raises(NotFound):
        await tokens.revoke(company.db, company.admin, other.id)
    third = await tokens.create(company.db, company.admin, CreateToken("ERP"))
    await contracts.set_status(company.db, OPERATOR, company.id, TenantStatus.SUSPENDED)
    with pytest.raises(Unauthenticated):
        await tokens.authenticate(company.db, third.token)


async def test_a_token_cannot_be_given_more_than_its_maker_has(company):
    made = await tokens.create(
        company.db, company.admin, CreateToken("small", ("tokens:write", "calls:read"))
    )
    small = await tokens.authenticate(company.db, made.token)
    assert await tokens.create(company.db, small, CreateToken("x", ("calls:read",)))
    with pytest.raises(Forbidden):
        await tokens.create(company.db, small, CreateToken("x", ("lines:secret",)))
    with pytest.raises(Forbidden):
        await tokens.create(company.db, small, CreateToken("x"))
    for wrong in (("tenants:write",), ("nope",)):
        with pytest.raises(Invalid):
            await tokens.create(company.db, company.admin, CreateToken("x", wrong))
    boris = await company.hire("Борис")
    with pytest.raises(Forbidden):
        await tokens.create(company.db, person(boris, company.id), CreateToken("x"))


async def test_the_operators_token(company):
    made = await tokens.create_for_operator(company.db, OPERATOR, CreateToken("billing"))
    assert set(made.scopes) == set(SCOPES)
    actor = await tokens.authenticate(company.db, made.token)
    assert (actor.role, actor.tenant_id) == (Role.OPERATOR, None)
    assert len(await contracts.tenants(company.db, actor)) == 1
    with pytest.raises(Forbidden):
        await employees.employees(company.db, actor)  # of which company?
    async with company.db.directory():
        rows = await OperatorToken.select(exclude_secrets=False)
    assert made.token not in repr(rows)
    with pytest.raises(NotFound):
        await tokens.create_for_operator(company.db, company.admin, CreateToken("mine"))


# --- carriers ---------------------------------------------------------------------------------


async def test_a_carrier_is_known_by_its_networks(company, vault):
    added = await trunks.add(
        company.db,
        OPERATOR,
        AddTrunk("west", "203.0.113.7", networks=("203.0.113.0/24", "2001:db8::/32")),
    )
    assert added.networks == ("203.0.113.0/24", "2001:db8::/32")
    alone = await trunks.add(company.db, OPERATOR, AddTrunk("east", "198.51.100.1"))
    assert alone.networks == ("198.51.100.1/32",)
    async with directory_of(company.db, vault) as directory:
        assert directory.trunk_from("203.0.113.99").name == "west"
        assert directory.trunk_from("198.51.100.1").name == "east"
        assert directory.trunk_from("198.51.100.2") is None


async def test_carriers_that_cannot_be(company):
    for command, field in (
        (AddTrunk("carrier", "203.0.113.7"), "name"),
        (AddTrunk("", "203.0.113.7"), "name"),
        (AddTrunk("w", "", networks=("203.0.113.0/24",)), "host"),
        (AddTrunk("w", "a b", networks=("203.0.113.0/24",)), "host"),
        (AddTrunk("w", "sip.example"), "networks"),
        (AddTrunk("w", "203.0.113.7", networks=("203.0.113.0/99",)), "networks"),
        (AddTrunk("w", "203.0.113.7", port=0), "port"),
        (AddTrunk("w", "203.0.113.7", max_calls=0), "max_calls"),
    ):
        with pytest.raises(Invalid) as caught:
            await trunks.add(company.db, OPERATOR, command)
        assert set(caught.value.errors) == {field}
    with pytest.raises(NotFound):
        await trunks.trunks(company.db, company.admin)


ACCOUNT = AddTrunk(
    "south",
    "203.0.113.9",
    login="sunsim",
    password="s3cret word",
    realm="carrier",
    registers=True,
    registrar="registrar.test:5090",
    check_seconds=20,
    number_format=NumberFormat.NATIONAL,
    identity_header=IdentityHeader.RPID,
    trusted=False,
)


async def test_an_account_is_sealed_and_reaches_the_calls(company, vault):
    added = await trunks.add(company.db, OPERATOR, ACCOUNT, vault)
    assert (added.login, added.registers, added.number_format) == ("sunsim", True, "national")
    assert "s3cret" not in repr((added, ACCOUNT))
    async with company.db.directory() as session:
        everything = await session.fetch("SELECT * FROM trunks")
        entries = await session.fetch("SELECT * FROM operator_entries")
    assert "s3cret" not in repr((everything, entries))
    async with directory_of(company.db, vault) as directory:
        trunk = directory.trunk(added.id)
    assert trunk.account == CarrierAccount("sunsim", "s3cret word", "carrier")
    assert (trunk.registers, trunk.registrar, trunk.check_seconds) == (True, "registrar.test:5090", 20)
    assert trunk.number_format is NumberFormat.NATIONAL
    assert trunk.identity_header is IdentityHeader.RPID
    assert trunk.trusted is False


async def test_a_carriers_password_is_sealed_again_under_a_new_key(company):
    old, new = ({key: key.encode() * 4} for key in ("aaaaaaaa", "bbbbbbbb"))
    added = await trunks.add(company.db, OPERATOR, ACCOUNT, Vault(old))
    assert await trunks.reseal(company.db, Vault(new | old)) == 1
    assert await trunks.reseal(company.db, Vault(new | old)) == 0
    async with directory_of(company.db, Vault(new)) as directory:
        assert directory.trunk(added.id).account.password == "s3cret word"
    async with directory_of(company.db, Vault(old)) as directory:
        assert directory.trunk(added.id).account is None  # the others can still be called


async def test_accounts_that_cannot_be(company, vault):
    for changes, field in (
        ({"password": None}, "password"),
        ({"login": None}, "login"),
        ({"login": "a b"}, "login"),
        ({"password": "x\ny"}, "password"),
        ({"realm": "x" * 200}, "realm"),
        ({"registrar": "a b"}, "registrar"),
        ({"registrar": "host:0"}, "registrar"),
        ({"registrar": "host:x"}, "registrar"),
        ({"check_seconds": -1}, "check_seconds"),
    ):
        with pytest.raises(Invalid) as caught:
            await trunks.add(company.db, OPERATOR, structs.replace(ACCOUNT, **changes), vault)
        assert set(caught.value.errors) == {field}


async def test_what_the_sip_process_says_of_carriers_stands_in_the_list(company, vault):
    added = await trunks.add(company.db, OPERATOR, ACCOUNT, vault)
    assert added.state == "unknown"
    state = TrunkState(added.id, "south", up=False, registered=False, calls=3, problem="403 Forbidden")
    current = [state]
    writer = TrunkStateWriter(company.db, lambda: current)
    writer.start()
    try:
        seen = await _seen(company, lambda trunk: trunk.state != "unknown")
        assert (seen.state, seen.registered, seen.calls) == ("down", False, 3)
        assert seen.problem == "403 Forbidden"
        current[0] = structs.replace(state, up=True, registered=True, problem="")
        seen = await _seen(company, lambda trunk: trunk.state == "up")
        assert (seen.registered, seen.problem) == (True, "")
    finally:
        await writer.close()
    async with company.db.directory() as session:
        await session.execute("UPDATE live_trunks SET seen_at = now() - interval '2 minutes'")
    assert (await trunks.trunks(company.db, OPERATOR, "south"))[0].state == "unknown"


async def _seen(company, wanted):
    async with asyncio.timeout(60):
        while True:
            (trunk,) = await trunks.trunks(company.db, OPERATOR, "south")
            if wanted(trunk):
                return trunk
            await asyncio.sleep(0.05)


class Carrier(asyncio.DatagramProtocol):
    """Answers OPTIONS as a carrier might, after ignoring the first ``deaf`` requests."""

    def __init__(self, deaf=0):
        self.deaf = deaf
        self.seen = []

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        message = wire.parse(data)
        self.seen.append(message)
        if len(self.seen) > self.deaf:
            self.transport.sendto(b"rubbish", addr)
            self.transport.sendto(
                wire.build_response(
                    message, 405, "Method Not Allowed", [("Server", "Carrier/1")], source=addr
                ),
                addr,
            )


async def edited(company, trunk, **changes):
    vault = company.issuer.vault
    return await trunks.edit(company.db, OPERATOR, trunk, EditTrunk(**changes), vault)


async def sealed(company, name):
    async with company.db.directory() as session:
        return await session.fetchval("SELECT password_sealed FROM trunks WHERE name = $1", name)


async def test_a_carrier_is_changed_field_by_field(company):
    vault = company.issuer.vault
    before = await trunks.add(company.db, OPERATOR, ACCOUNT, vault)
    secret = await sealed(company, before.name)
    after = await edited(company, before.name, port=5071, max_calls=3, transport=TrunkTransport.TCP)
    assert after == structs.replace(before, port=5071, max_calls=3, transport=TrunkTransport.TCP)
    assert await sealed(company, before.name) == secret
    renamed = await edited(company, before.name, name="north", max_calls=None, password="another")
    assert (renamed.name, renamed.max_calls, renamed.id) == ("north", None, before.id)
    again = await sealed(company, "north")
    assert open_trunk_password(vault, before.id, again) == "another"
    without = await edited(company, "north", login="")
    assert (without.login, without.registers) == (None, False)
    assert await sealed(company, "north") is None
    assert await edited(company, "north") == without
    entries = await operator_entries(company)
    assert "trunk.edit" in {entry["action"] for entry in entries}
    assert "another" not in str([dict(entry) for entry in entries])


async def operator_entries(company):
    async with company.db.directory() as session:
        return await session.fetch("SELECT action, details FROM operator_entries")


async def test_calls_come_from_where_the_carrier_moved_to_unless_its_networks_were_named(company):
    await trunks.add(company.db, OPERATOR, AddTrunk("alone", "198.51.100.1"))
    assert (await edited(company, "alone", host="198.51.100.2")).networks == ("198.51.100.2/32",)
    await edited(company, "alone", networks=("203.0.113.0/24",))
    assert (await edited(company, "alone", host="198.51.100.3")).networks == ("203.0.113.0/24",)
    by_name = AddTrunk("named", "sip.west.example", networks=("203.0.113.0/24",))
    await trunks.add(company.db, OPERATOR, by_name)
    moved = await edited(company, "named", host="sip.east.example")
    assert (moved.host, moved.networks) == ("sip.east.example", ("203.0.113.0/24",))


async def test_the_port_goes_with_the_transport_unless_it_was_chosen(company):
    made = AddTrunk("tls", "198.51.100.1", transport=TrunkTransport.TLS)
    assert (await trunks.add(company.db, OPERATOR, made)).port == 5061
    assert (await edited(company, "tls", transport=TrunkTransport.TCP)).port == 5060
    assert (await edited(company, "tls", transport=TrunkTransport.TLS)).port == 5061
    assert (await edited(company, "tls", port=5070)).port == 5070
    assert (await edited(company, "tls", transport=TrunkTransport.UDP)).port == 5070


async def test_what_would_make_a_carrier_unusable_is_refused(company):
    await trunks.add(company.db, OPERATOR, AddTrunk("one", "198.51.100.1"))
    await trunks.add(company.db, OPERATOR, AddTrunk("two", "198.51.100.2"))
    for changes, field in (
        ({"name": "two"}, "name"),
        ({"host": "no host"}, "host"),
        ({"registers": True}, "login"),
        ({"login": "sunsim"}, "password"),
        ({"networks": ("everywhere",)}, "networks"),
    ):
        with pytest.raises(Invalid) as caught:
            await edited(company, "one", **changes)
        assert field in caught.value.errors
    with pytest.raises(NotFound):
        await edited(company, "three", port=1)
    with pytest.raises(NotFound):
        await trunks.edit(company.db, company.admin, "one", EditTrunk(port=1))


async def test_a_carrier_is_disabled_enabled_and_deleted(company):
    await trunks.add(company.db, OPERATOR, AddTrunk("spare", "198.51.100.1"))
    assert not (await trunks.set_enabled(company.db, OPERATOR, "spare", enabled=False)).enabled
    assert (await trunks.set_enabled(company.db, OPERATOR, "spare", enabled=True)).enabled
    await trunks.delete(company.db, OPERATOR, "spare")
    assert await trunks.trunks(company.db, OPERATOR, "spare") == []
    await numbers.add(company.db, OPERATOR, numbers.AddNumber("+74953330001", trunk="carrier"))
    with pytest.raises(Conflict):
        await trunks.delete(company.db, OPERATOR, "carrier")
    for act in (trunks.delete, lambda *args: trunks.set_enabled(*args, enabled=True)):
        with pytest.raises(NotFound):
            await act(company.db, OPERATOR, "nobody")
        with pytest.raises(NotFound):
            await act(company.db, company.admin, "carrier")


@pytest.mark.parametrize("answer", [None, b"HTTP?\r\n\r\n", b""])
@pytest.mark.parametrize("body", [b"", b"v=0\r\n"])
async def test_a_carrier_on_tcp_is_asked_by_tcp(answer, body):
    seen = []

    async def serve(reader, writer):
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        well = wire.build_response(wire.parse(seen[0], True), 405, "No", body=body)
        writer.write(well if answer is None else answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        result = await trunks.probe("127.0.0.1", port, 30, TrunkTransport.TCP)
    assert result.reachable is (answer is None)
    assert wire.parse(seen[0], True).via.transport == "TCP"
    closed = await trunks.probe("127.0.0.1", port, 30, TrunkTransport.TLS)
    assert not closed.reachable


@contextlib.asynccontextmanager
async def carrier(deaf=0):
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: Carrier(deaf), local_addr=("127.0.0.1", 0)
    )
    try:
        yield protocol, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def test_any_answer_shows_that_a_carrier_is_there():
    async with carrier() as (far, port):
        result = await trunks.probe("127.0.0.1", port)
    assert (result.reachable, result.status, result.user_agent) == (True, 405, "Carrier/1")
    assert result.milliseconds > 0
    assert [message.method for message in far.seen] == ["OPTIONS"]
    assert wire.problem(far.seen[0]) is None


async def test_a_lost_question_is_asked_again():
    async with carrier(deaf=1) as (far, port):
        result = await trunks.probe("127.0.0.1", port, seconds=0.2)
    assert result.reachable
    assert len(far.seen) == 2


async def test_silence_and_a_closed_port_are_told_apart():
    async with carrier(deaf=9) as (_, port):
        silent = await trunks.probe("127.0.0.1", port, seconds=0.05)
    assert (silent.reachable, silent.reason) == (False, "no answer")
    closed = await trunks.probe("127.0.0.1", port, seconds=0.5)
    assert (closed.reachable, closed.reason) == (False, "Connection refused")
    nowhere = await trunks.probe("no.such.host.invalid", 5060, seconds=0.05)
    assert not nowhere.reachable
