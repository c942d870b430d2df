"""Calls outside: which carrier, in which order, with how many channels, and what it is told."""

import asyncio
from types import SimpleNamespace
from uuid import UUID

import pytest
from msgspec.structs import replace

from core.call.facts import called_number
from core.contracts import (
    CarrierAccount,
    Direction,
    Group,
    IdentityHeader,
    NumberFormat,
    Outcome,
    StepCode,
    Trunk,
    TrunkTransport,
)
from core.settings import SipSettings
from core.sip.identity import FromLine, FromTrunk
from tests.unit.call.office import (
    ANNA,
    BORIS,
    CARRIER,
    LOGIN,
    NUMBER,
    TENANT,
    Line,
    Office,
    invite,
    play,
)
from tests.unit.call.world import FakeSession, answers, hangs_up, refuses, rings

CLIENT = "+79161112233"
EAST = Trunk(UUID(int=50), "east", "192.0.2.50", networks=("192.0.2.50/32",))
NORTH = Trunk(UUID(int=51), "north", "192.0.2.51", networks=("192.0.2.51/32",))


class Carriers(Office):
    """An office whose number has further carriers; each answers by a script of its own."""

    def __init__(self, *trunks, first=CARRIER, **settings):
        super().__init__(**settings)
        self.domain = SipSettings().domain
        self.scripts = {}
        self.tried = []
        self.closing = []
        self.trunks = self.switchboard._trunks
        self.directory._trunks.clear()
        self.directory.add_trunk(first)
        for trunk in trunks:
            self.directory.add_trunk(trunk)
            self.directory.add_route(NUMBER, trunk)
        self.endpoint.invite = self._invite

    def _invite(self, target, *, sdp, listener, **said):
        self.tried.append((target, SimpleNamespace(**said)))
        if said.get("on_close") is None:  # a phone
            return self.endpoint.phones[target.uri.partition(":")[2].partition("@")[0]].ring(
                sdp, listener
            )
        self.closing.append(said["on_close"])
        session = FakeSession(listener, sdp)
        for seconds, event in self.scripts[target.host]:
            asyncio.get_running_loop().call_later(seconds, session.say, event)
        return session

    def carrier(self, trunk, *script):
        self.scripts[trunk.host] = list(script)

    def hosts(self):
        return [target.host for target, _ in self.tried]

    def dial(self, to=CLIENT, privacy=False):
        """Anna dials."""
        extra = (("Privacy", "id"),) if privacy else ()
        line = Line(LOGIN[ANNA], TENANT, ANNA, UUID(int=ANNA.int + 100), {})
        return self._begin(invite(to, caller=LOGIN[ANNA], extra=extra), FromLine(line))

    def run(self, **fields):
        callers = []

        async def scene():
            callers.append(self.dial(**fields))

        (cdr,) = play(self, scene)
        return cdr, callers[0]


def codes(cdr):
    return [step.code for step in cdr.steps]


@pytest.mark.parametrize("status", [302, 500, 502, 503, 504, 408, 401, 407])
def test_another_carrier_takes_over_when_one_fails(status):
    office = Carriers(EAST)
    office.carrier(CARRIER, refuses(status))
    office.carrier(EAST, rings(), answers(2), hangs_up(4))
    cdr, _ = office.run()
    assert cdr.outcome is Outcome.ANSWERED
    assert office.hosts() == [CARRIER.host, EAST.host]
    statuses = [step.data.get("status") for step in cdr.steps if step.code is StepCode.LEG_ENDED]
    assert statuses == [status]
    offered = [step.data["trunk_id"] for step in cdr.steps if step.code is StepCode.RINGING]
    assert offered == [str(CARRIER.id), str(EAST.id)]
    assert cdr.trunk_id == EAST.id


@pytest.mark.parametrize("status", [403, 404, 480, 486, 487, 600, 603])
def test_what_the_called_side_says_is_final(status):
    office = Carriers(EAST)
    office.carrier(CARRIER, refuses(status))
    cdr, caller = office.run()
    assert office.hosts() == [CARRIER.host]
    assert caller.did[-1] == ("reject", status)
    assert cdr.answered_at is None


def test_after_ringing_no_other_carrier_is_tried():
    office = Carriers(EAST)
    office.carrier(CARRIER, rings(), refuses(503, 2))
    _cdr, caller = office.run()
    assert office.hosts() == [CARRIER.host]
    assert caller.did[-1] == ("reject", 503)


@pytest.mark.parametrize(
    ("transport", "wanted"),
    [(TrunkTransport.UDP, ""), (TrunkTransport.TCP, "TCP"), (TrunkTransport.TLS, "TLS")],
)
def test_a_carrier_is_spoken_to_as_it_wants(transport, wanted):
    office = Carriers(first=replace(CARRIER, transport=transport))
    office.carrier(CARRIER, answers(2), hangs_up(4))
    cdr, _ = office.run()
    ((target, _),) = office.tried
    assert target.transport == wanted
    assert cdr.trunk_id == CARRIER.id


def test_a_client_who_is_forwarded_came_by_the_carrier_of_the_record():
    office = Carriers(EAST)
    office.external(ANNA, "+79160000009")
    office.carrier(CARRIER, refuses(503))
    office.carrier(EAST, answers(2), hangs_up(4))

    async def scene():
        office.from_carrier()

    (cdr,) = play(office, scene)
    assert cdr.outcome is Outcome.ANSWERED
    assert cdr.trunk_id == CARRIER.id
    offered = [step.data.get("trunk_id") for step in cdr.steps if step.code is StepCode.RINGING]
    assert offered[-1] == str(EAST.id)


def test_the_last_answer_counts_when_all_fail():
    office = Carriers(EAST, NORTH)
    office.carrier(CARRIER, refuses(503))
    office.carrier(EAST, refuses(500))
    office.carrier(NORTH, refuses(502))
    _cdr, caller = office.run()
    assert office.hosts() == [CARRIER.host, EAST.host, NORTH.host]
    assert caller.did[-1] == ("reject", 502)


def test_we_wait_long_only_for_the_last_one():
    office = Carriers(EAST)
    office.carrier(CARRIER, refuses(503))
    office.carrier(EAST, refuses(503))
    office.run()
    first, last = (said.patience for _, said in office.tried)
    assert 2 <= first <= 8
    assert last is None


def test_a_carrier_that_is_down_is_passed_over():
    office = Carriers(EAST)
    office.trunks.set_up(CARRIER, up=False)
    office.carrier(EAST, answers(1), hangs_up(2))
    cdr, _ = office.run()
    assert cdr.outcome is Outcome.ANSWERED
    assert office.hosts() == [EAST.host]


def test_nobody_can_be_reached_when_all_are_down():
    office = Carriers(EAST)
    for trunk in (CARRIER, EAST):
        office.trunks.set_up(trunk, up=False)
    cdr, caller = office.run()
    assert office.tried == []
    assert caller.did[-1] == ("reject", 503)
    assert [s.data["reason"] for s in cdr.steps if s.code is StepCode.NOT_RUNG] == ["no_carrier"]


def test_a_full_carrier_is_passed_over_and_beyond_the_last_it_is_503():
    first, second = replace(CARRIER, max_calls=1), replace(EAST, max_calls=1)
    office = Carriers(second, first=first)
    office.carrier(first, answers(1), hangs_up(100))
    office.carrier(second, answers(1), hangs_up(100))
    callers = []

    async def scene():
        callers.extend(office.dial() for _ in range(3))

    cdrs = play(office, scene)
    assert sorted(office.hosts()) == [first.host, second.host]
    assert sorted(cdr.outcome for cdr in cdrs) == [Outcome.ANSWERED, Outcome.ANSWERED, Outcome.FAILED]
    assert ("reject", 503) in callers[2].did
    assert (office.trunks.calls(first.id), office.trunks.calls(second.id)) == (1, 1)
    for close in office.closing:
        close()
    assert (office.trunks.calls(first.id), office.trunks.calls(second.id)) == (0, 0)


def test_an_invite_that_cannot_be_sent_frees_its_channel():
    office = Carriers()

    def broken(*_, **__):
        raise RuntimeError

    office.endpoint.invite = broken
    cdr, _ = office.run()
    assert cdr.outcome is Outcome.FAILED
    assert office.trunks.calls(CARRIER.id) == 0


def test_incoming_calls_take_channels_too():
    office = Carriers(first=replace(CARRIER, max_calls=1))
    trunk = office.directory.trunk(CARRIER.id)
    office.phone(ANNA, answers(1), hangs_up(5))
    callers = []

    async def scene():
        callers.extend(office._begin(invite(NUMBER), FromTrunk(trunk)) for _ in range(2))
        assert office.trunks.calls(trunk.id) == 1

    (cdr,) = play(office, scene)
    assert cdr.outcome is Outcome.ANSWERED
    assert callers[1].did == [("reject", 503)]
    assert office.switchboard.rejected["trunk_full"] == 1
    assert office.trunks.calls(trunk.id) == 0


def test_a_client_who_is_forwarded_leaves_through_the_carrier_that_brought_him():
    office = Carriers(EAST)
    office.external(ANNA, "+79260000001")
    office.carrier(EAST, answers(1), hangs_up(2))

    async def scene():
        extra = (("Diversion", "<sip:+74950000009@x>;reason=user-busy"), ("Diversion", "rubbish <"))
        office._begin(invite(NUMBER, extra=extra), FromTrunk(EAST))

    (cdr,) = play(office, scene)
    assert cdr.outcome is Outcome.ANSWERED
    ((target, said),) = office.tried
    assert target.host == EAST.host
    ours, theirs = (value for name, value in said.headers if name == "Diversion")
    assert ours.startswith(f"<sip:{NUMBER}@")
    assert theirs == "<sip:+74950000009@x>;reason=user-busy"


# --- what a carrier is told -----------------------------------------------------------------------

ASSERTED = ("P-Asserted-Identity", "<sip:+79990001122@carrier.test>")


def told(trunk, *, forwarded=False, extra=(), privacy=False):
    """From and headers (by name) of an INVITE through the trunk."""
    office = Carriers(first=replace(trunk, id=CARRIER.id))
    office.carrier(trunk, answers(1), hangs_up(2))
    if forwarded:
        office.external(ANNA, "+79260000001")

        async def scene():
            source = office.directory.trunk(CARRIER.id)
            office._begin(invite(NUMBER, extra=extra), FromTrunk(source))

        play(office, scene)
    else:
        office.run(privacy=privacy)
    ((target, said),) = office.tried
    return target, said, dict(said.headers)


@pytest.mark.parametrize(
    ("form", "client", "own"),
    [
        (NumberFormat.E164, "+79161112233", NUMBER),
        (NumberFormat.DIGITS, "79161112233", NUMBER[1:]),
        (NumberFormat.NATIONAL, "89161112233", "8" + NUMBER[2:]),
    ],
)
def test_numbers_are_written_as_the_carrier_wants_them(form, client, own):
    target, said, headers = told(replace(CARRIER, number_format=form))
    assert target.uri == f"sip:{client}@{CARRIER.host}"
    assert said.to == f"<{target.uri}>"
    assert said.from_.startswith(f"<sip:{own}@")
    assert headers["P-Asserted-Identity"].startswith(f"<sip:{own}@")


def test_an_account_answers_challenges_and_is_seen_in_its_carriers_domain():
    account = CarrierAccount("sunsim", "s3cret")
    _, said, _ = told(replace(CARRIER, account=account))
    assert said.account is account
    assert said.from_ == f"<sip:{NUMBER}@{CARRIER.host}>"


@pytest.mark.parametrize("header", IdentityHeader)
def test_the_header_that_says_who_calls(header):
    _, said, headers = told(replace(CARRIER, identity_header=header))
    expected = {
        IdentityHeader.PAI: {"P-Asserted-Identity": said.from_},
        IdentityHeader.RPID: {"Remote-Party-ID": f"{said.from_};party=calling;screen=yes;privacy=off"},
        IdentityHeader.NONE: {},
    }
    assert headers == expected[header]


@pytest.mark.parametrize("trusted", [True, False])
def test_an_employee_who_hides_is_named_to_trusted_carriers_only(trusted):
    _, said, headers = told(replace(CARRIER, trusted=trusted), privacy=True)
    assert said.from_ == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    assert headers.pop("Privacy") == "id"
    assert set(headers) == ({"P-Asserted-Identity"} if trusted else set())
    assert NUMBER in headers.get("P-Asserted-Identity", NUMBER)


def test_who_hides_by_remote_party_id():
    _, _, headers = told(replace(CARRIER, identity_header=IdentityHeader.RPID), privacy=True)
    assert headers["Remote-Party-ID"].endswith(";party=calling;screen=yes;privacy=full")


@pytest.mark.parametrize("trusted", [True, False])
def test_a_client_who_hides_and_is_forwarded(trusted):
    extra = (ASSERTED, ("Privacy", "id"))
    _, said, headers = told(replace(CARRIER, trusted=trusted), forwarded=True, extra=extra)
    assert said.from_ == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    assert headers["Privacy"] == "id"
    assert ("+79990001122" in headers.get("P-Asserted-Identity", "")) is trusted
    assert NUMBER in headers["Diversion"]


# --- what a carrier tells -------------------------------------------------------------------------


def caller_seen(trunk, *extra):
    office = Carriers(first=trunk)
    office.phone(ANNA, refuses(486))

    async def scene():
        office._begin(invite(NUMBER, name='"Client"', extra=extra), FromTrunk(trunk))

    (cdr,) = play(office, scene)
    return cdr.caller, cdr.caller_name


RPID = "Remote-Party-ID"


@pytest.mark.parametrize(
    ("extra", "seen"),
    [
        ((), (CLIENT, "Client")),
        ((ASSERTED,), ("+79990001122", "")),
        (((RPID, '"Op" <sip:+79990001133@x>;party=calling'),), ("+79990001133", "Op")),
        (((RPID, "<sip:+79990001133@x>;party=called"),), (CLIENT, "Client")),
        (((RPID, "<sip:+79990001133@x>;privacy=full"),), (None, "")),
        (((RPID, "<sip:+79990001133@x>"), ASSERTED), ("+79990001122", "")),
        ((("P-Asserted-Identity", "rubbish <"),), (CLIENT, "Client")),
    ],
)
def test_a_trusted_carrier_says_who_calls(extra, seen):
    assert caller_seen(CARRIER, *extra) == seen


@pytest.mark.parametrize("extra", [ASSERTED, (RPID, "<sip:+79990001133@x>")])
def test_an_untrusted_one_is_not_believed(extra):
    assert caller_seen(replace(CARRIER, trusted=False), extra) == (CLIENT, "Client")


def test_where_we_are_registered_the_number_may_be_in_to():
    account = CarrierAccount("sunsim", "s3cret")
    registered = replace(CARRIER, account=account, number_format=NumberFormat.NATIONAL)
    request = invite("84951234567")
    assert called_number(request, registered) == NUMBER
    contact = invite("sunsim", extra=(("P-Called-Party-ID", "<sip:84951234567@carrier>"),))
    assert called_number(contact, registered) == NUMBER
    assert called_number(contact, CARRIER) is None
    assert called_number(invite("sunsim"), registered) is None


# --- short numbers of the public network ------------------------------------------------------------


@pytest.mark.parametrize(("dialled", "called"), [("112", "112"), ("03", "103"), ("122", "122")])
@pytest.mark.parametrize("form", list(NumberFormat))
def test_short_numbers_reach_the_carrier_as_they_are(dialled, called, form):
    office = Carriers(first=replace(CARRIER, number_format=form))
    office.carrier(CARRIER, answers(1), hangs_up(2))
    cdr, _ = office.run(to=dialled)
    ((target, _),) = office.tried
    assert target.uri == f"sip:{called}@{CARRIER.host}"
    assert (cdr.direction, cdr.called) == (Direction.OUTGOING, called)
    assert cdr.outcome is Outcome.ANSWERED


@pytest.mark.parametrize("owner", ["employee", "group"])
def test_who_has_the_number_as_extension_goes_before_the_public_network(owner):
    office = Carriers()
    snapshot = office.snapshot
    if owner == "group":
        group = Group(UUID(int=70), "Врачи", "103", members=(BORIS,))
        office.directory.put(replace(snapshot, groups=(group,)))
    else:
        employees = (snapshot.employees[0], replace(snapshot.employees[1], extension="103"))
        office.directory.put(replace(snapshot, employees=employees))
    office.phone(BORIS, answers(1), hangs_up(2))
    cdr, _ = office.run(to="103")
    assert (cdr.direction, cdr.outcome) == (Direction.INTERNAL, Outcome.ANSWERED)


@pytest.mark.parametrize("dialled", ["112", "103", "02"])
def test_help_is_never_refused(dialled):
    office = Carriers(outgoing_calls=0)
    office.directory.put(replace(office.snapshot, suspended=True))
    office.carrier(CARRIER, answers(1), hangs_up(2))
    cdr, _ = office.run(to=dialled)
    assert cdr.outcome is Outcome.ANSWERED


def test_a_service_is_refused_like_any_number():
    office = Carriers()
    office.directory.put(replace(office.snapshot, suspended=True))
    cdr, _ = office.run(to="122")
    assert (cdr.outcome, cdr.sip_status) == (Outcome.REFUSED, 403)


# --- the called number as caller ID -----------------------------------------------------------------


def marked(**number):
    office = Carriers()
    marked = replace(office.snapshot.numbers[0], shows_called=True, **number)
    office.snapshot = replace(office.snapshot, numbers=(marked,))
    office.directory.put(office.snapshot)
    return office


def ring_anna(office, **fields):
    async def scene():
        office.from_carrier(**fields)

    return play(office, scene)


@pytest.mark.spec("NUM-07", at="rule")
@pytest.mark.parametrize("caller", ["+79161112233", "anonymous"])
def test_a_line_sees_which_number_was_called(caller):
    office = marked(label="Продажи")
    office.phone(ANNA, answers(1), hangs_up(2))
    (cdr,) = ring_anna(office, caller=caller, name='"Иван"')
    ((_, said),) = office.tried
    assert said.from_ == f'"Продажи" <sip:{NUMBER}@{office.domain}>'
    assert cdr.caller == (None if caller == "anonymous" else caller)


@pytest.mark.spec("NUM-08", at="rule")
@pytest.mark.parametrize("caller", ["+79161112233", "anonymous"])
def test_a_mobile_sees_which_number_was_called(caller):
    office = marked()
    office.external(ANNA, "+79260000001")
    office.carrier(CARRIER, answers(1), hangs_up(2))
    ring_anna(office, caller=caller)
    ((_, said),) = office.tried
    assert said.from_.startswith(f"<sip:{NUMBER}@")
    assert [name for name, _ in said.headers] == ["P-Asserted-Identity"]
    assert NUMBER in said.headers[0][1]


# --- phones that are gone ---------------------------------------------------------------------------


def test_a_phone_without_a_sign_of_life_is_not_waited_for():
    office = Carriers()
    office.phone(ANNA, answers(1), hangs_up(2))
    ring_anna(office)
    ((_, said),) = office.tried
    assert 4 <= said.patience <= 10
