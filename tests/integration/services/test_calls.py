"""The history of calls: what there is, of which day, and for whom."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from core.contracts import CallStep, Cdr, ContactKind, Direction, Outcome, StepCode
from core.errors import Invalid, NotFound
from core.ids import new_id
from tenants.callstore import DatabaseCallStore
from tenants.services import calls, calltags, contacts, tags
from tenants.services.calls import CallQuery
from tenants.services.calltags import TagCall
from tenants.services.contacts import CreateContact, UpdateContact
from tenants.services.tags import CreateTag, TagKind
from tenants.tables import LiveCall, LiveCallState
from tests.support.company import activate, person

NOON = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # 12:00 in Moscow
ZONE = "Europe/Moscow"


@pytest.fixture
async def store(company, tmp_path):
    store = DatabaseCallStore(company.db, tmp_path)
    yield store
    await store.close()


def cdr(tenant_id, direction=Direction.INCOMING, at=NOON, talked=30, steps=(), **more):
    started = at.timestamp()
    answered = started + 5 if talked else None
    return Cdr(
        **{
            "call_id": new_id(),
            "tenant_id": tenant_id,
            "direction": direction,
            "caller": "+79031112233",
            "called": "+74951110001",
            "outcome": Outcome.ANSWERED if talked else Outcome.NO_ANSWER,
            "sip_status": 200 if talked else 480,
            "started_at": started,
            "answered_at": answered,
            "ended_at": started + 5 + talked,
            "ended_by": "caller",
            "steps": tuple(steps),
            **more,
        }
    )


def rang(employee, line, at=NOON, code=StepCode.RINGING):
    return CallStep(at.timestamp() + 1, code, line.id, employee.id, line.login)


async def put(store, *records):
    for record in records:
        await store.save(record)
    return [record.call_id for record in records]


async def ids(company, actor, query=None):
    page = await calls.history(company.db, actor, query or calls.day(NOON, ZONE))
    return [row.id for row in page.calls]


@pytest.mark.spec("HIS-01", at="rule")
async def test_incoming_and_outgoing_calls_are_shown(company, store):
    me = company.activated.employee
    number = company.activated.numbers[0]
    received = cdr(
        company.id,
        number_id=number.id,
        answered_employee_id=me.id,
        answered_terminal_id=me.lines[0].id,
    )
    made = cdr(
        company.id,
        Direction.OUTGOING,
        NOON + timedelta(minutes=1),
        caller="+74951110001",
        called="+79031112233",
        caller_employee_id=me.id,
    )
    missed = cdr(company.id, at=NOON + timedelta(minutes=2), talked=0, caller=None)
    await put(store, received, made, missed)
    page = await calls.history(company.db, company.admin, calls.day(NOON, ZONE))
    assert [row.id for row in page.calls] == [missed.call_id, made.call_id, received.call_id]
    nobody, out, into = page.calls
    assert (into.direction, into.employee.name) == (Direction.INCOMING, "Ольга Иванова")
    assert (into.wait_seconds, into.talk_seconds) == (5, 30)
    assert (out.direction, out.employee.name) == (Direction.OUTGOING, "Ольга Иванова")
    assert (nobody.caller, nobody.outcome, nobody.employee) == (None, Outcome.NO_ANSWER, None)
    assert (nobody.wait_seconds, nobody.talk_seconds) == (5, 0)
    day = calls.day(NOON, ZONE)
    incoming = structs.replace(day, direction=Direction.INCOMING)
    assert await ids(company, company.admin, incoming) == [missed.call_id, received.call_id]
    assert await ids(company, company.admin, structs.replace(day, unanswered=True)) == [missed.call_id]
    assert await calls.count(company.db, company.admin, day) == 3


@pytest.mark.spec("HIS-02", at="rule")
async def test_on_opening_the_current_day_of_the_viewers_zone(company, store):
    """21:30 UTC is the next day in Moscow and still the same one in Kaliningrad."""
    evening = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)
    late, noon, tomorrow = await put(
        store,
        cdr(company.id, at=evening),
        cdr(company.id, at=NOON),
        cdr(company.id, at=datetime(2026, 11, 23, 21, 0, tzinfo=UTC)),
    )
    # Whatever was looked at before
    await calls.history(
        company.db, company.admin, CallQuery(NOON - timedelta(days=400), NOON - timedelta(days=300))
    )
    moscow = await calls.today(company.db, company.admin, "Europe/Moscow", NOON)
    assert [row.id for row in moscow.calls] == [noon, late]
    kaliningrad = await calls.today(company.db, company.admin, "Europe/Kaliningrad", NOON)
    assert [row.id for row in kaliningrad.calls] == [tomorrow, noon]
    omsk = await calls.today(company.db, company.admin, "Asia/Omsk", NOON - timedelta(days=1))
    assert [row.id for row in omsk.calls] == []


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001
    st.sampled_from(["Europe/Moscow", "America/New_York", "Asia/Beirut", "Pacific/Apia", "UTC"]),
)
def test_a_day_begins_and_ends_at_local_midnight(moment, zone):
    now = moment.replace(tzinfo=UTC)
    day = calls.day(now, zone)
    assert day.start <= now < day.end
    assert {b.astimezone(ZoneInfo(zone)).strftime("%H:%M") for b in (day.start, day.end)} <= {
        "00:00",
        "01:00",
    }  # where midnight is skipped, the day begins at one
    assert timedelta(hours=22) < day.end - day.start < timedelta(hours=26)


@pytest.mark.spec("HIS-15", at="rule")
async def test_an_administrator_sees_the_calls_of_all_numbers(company, store):
    boris = await company.hire("Борис Кузнецов")
    one, two = company.activated.numbers
    expected = await put(
        store,
        cdr(company.id, number_id=one.id, answered_employee_id=boris.id),
        cdr(company.id, number_id=two.id, talked=0, called=two.e164, at=NOON + timedelta(1 / 1440)),
        cdr(
            company.id,
            Direction.INTERNAL,
            NOON + timedelta(minutes=2),
            caller_employee_id=boris.id,
        ),
    )
    assert await ids(company, company.admin) == expected[::-1]


async def test_of_a_call_between_colleagues_both_are_named(company, store):
    boris, vera = (
        await company.hire("Борис Кузнецов"),
        await company.hire("Вера Попова", extension="203"),
    )
    inside = {"direction": Direction.INTERNAL, "caller_employee_id": boris.id, "called": "203"}
    answered, missed, nobody = await put(
        store,
        cdr(company.id, answered_employee_id=vera.id, **inside),
        cdr(company.id, talked=0, **inside),
        cdr(company.id, talked=0, **{**inside, "called": "999"}),
    )
    page = await calls.history(company.db, company.admin, calls.day(NOON, ZONE))
    rows = {row.id: (row.employee.name, row.colleague and row.colleague.name) for row in page.calls}
    assert rows == {
        answered: ("Борис Кузнецов", "Вера Попова"),
        missed: ("Борис Кузнецов", "Вера Попова"),
        nobody: ("Борис Кузнецов", None),
    }


@pytest.mark.spec("HIS-16", at="rule")
async def test_an_employee_sees_what_they_made_answered_or_were_rung_by(company, store):
    boris, vera = await company.hire("Борис Кузнецов"), await company.hire("Вера Попова")
    step = rang(boris, boris.lines[1])
    made, answered, rung, others, skipped = await put(
        store,
        cdr(company.id, Direction.OUTGOING, caller_employee_id=boris.id),
        cdr(company.id, answered_employee_id=boris.id, at=NOON + timedelta(minutes=1)),
        cdr(
            company.id,
            answered_employee_id=vera.id,
            at=NOON + timedelta(minutes=2),
            steps=[step, rang(vera, vera.lines[1], code=StepCode.ANSWERED)],
        ),
        cdr(company.id, answered_employee_id=vera.id, at=NOON + timedelta(minutes=3)),
        cdr(
            company.id,
            talked=0,
            at=NOON + timedelta(minutes=4),
            steps=[rang(boris, boris.lines[1], code=StepCode.NOT_RUNG)],
        ),
    )
    his, hers = person(boris, company.id), person(vera, company.id)
    assert await ids(company, his) == [rung, answered, made]
    assert await ids(company, hers) == [others, rung]
    assert await calls.count(company.db, his, calls.day(NOON, ZONE)) == 3
    for hidden in (others, skipped):
        with pytest.raises(NotFound):
            await calls.card(company.db, his, hidden)
    for seen in (made, answered, rung):
        assert (await calls.card(company.db, his, seen)).call.id == seen


@pytest.mark.spec("HIS-14", at="rule")
async def test_trap_25_missed_by_an_employee_are_calls_that_others_answered_too(company, store):
    boris, vera = await company.hire("Борис Кузнецов"), await company.hire("Вера Попова")
    his = rang(boris, boris.lines[1])
    taken, lost, *_others = await put(
        store,
        cdr(
            company.id,
            answered_employee_id=vera.id,
            steps=[his, rang(vera, vera.lines[1]), rang(vera, vera.lines[1], code=StepCode.ANSWERED)],
        ),
        cdr(company.id, talked=0, at=NOON + timedelta(minutes=1), steps=[his, his]),
        cdr(
            company.id,
            answered_employee_id=boris.id,
            at=NOON + timedelta(minutes=2),
            steps=[his, rang(boris, boris.lines[1], code=StepCode.ANSWERED)],
        ),
        cdr(company.id, talked=0, at=NOON + timedelta(minutes=3), steps=[rang(vera, vera.lines[1])]),
        cdr(  # Vera asked him about a client
            company.id,
            answered_employee_id=vera.id,
            at=NOON + timedelta(minutes=4),
            steps=[his, rang(boris, boris.lines[1], code=StepCode.CONSULTED)],
        ),
    )
    missed = structs.replace(calls.day(NOON, ZONE), missed_by=boris.id)
    assert await ids(company, company.admin, missed) == [lost, taken]
    assert await calls.count(company.db, company.admin, missed) == 2
    assert await ids(company, person(vera, company.id), missed) == [taken]


@pytest.mark.spec("CON-05", at="rule")
@pytest.mark.spec("HIS-20", at="rule")
async def test_trap_26_calls_of_personal_contacts_are_administrators(company, store):
    boris = await company.hire("Борис Кузнецов")
    mine = {"caller_employee_id": boris.id, "answered_employee_id": boris.id}
    his = person(boris, company.id)
    client, mother, to_mother = await put(
        store,
        cdr(company.id, caller="+79030000001", **mine),
        cdr(company.id, caller="+79030000002", at=NOON + timedelta(minutes=1), **mine),
        cdr(
            company.id,
            Direction.OUTGOING,
            caller="+74951110001",
            called="+79030000002",
            at=NOON + timedelta(minutes=2),
            **mine,
        ),
    )
    assert await ids(company, his) == [to_mother, mother, client]
    numbers = ("+79030000002",)
    personal = CreateContact("Мама", kind=ContactKind.PERSONAL, numbers=numbers)
    made = await contacts.create(company.db, company.admin, personal)
    assert await ids(company, his) == [client]
    assert await calls.count(company.db, his, calls.day(NOON, ZONE)) == 1
    for hidden in (mother, to_mother):
        with pytest.raises(NotFound):
            await calls.card(company.db, his, hidden)
    assert await ids(company, company.admin) == [to_mother, mother, client]
    business = UpdateContact(made.id, made.version, kind=ContactKind.BUSINESS)
    await contacts.update(company.db, company.admin, business)
    assert await ids(company, his) == [to_mother, mother, client]


async def test_the_card_shows_the_log_in_order_and_in_words(company, store, vault):
    me = company.activated.employee
    line = me.lines[1]
    steps = [
        CallStep(NOON.timestamp(), StepCode.ARRIVED, address="+74951110001"),
        rang(me, line),
        rang(me, line, code=StepCode.ANSWERED),
        CallStep(NOON.timestamp() + 35, StepCode.ENDED, data={"by": "caller"}),
    ]
    record = cdr(company.id, answered_employee_id=me.id, steps=steps)
    await put(store, record)
    card = await calls.card(company.db, company.admin, record.call_id)
    assert card.steps == tuple(steps)
    assert (card.sip_status, card.ended_by) == (200, "caller")
    assert len(card.trace) == 4
    marked = await calls.card(company.db, company.admin, record.call_id, gettext="«{}»".format)
    assert marked.trace[-1].text == f"«{card.trace[-1].text}»"


async def test_an_employee_is_not_shown_colleagues_sip_logins(company, store):
    """NAV-05 holds in the log of a call, too."""
    boris, vera = await company.hire("Борис Кузнецов"), await company.hire("Вера Попова")
    record = cdr(
        company.id,
        answered_employee_id=boris.id,
        steps=[rang(boris, boris.lines[1]), rang(vera, vera.lines[1])],
    )
    await put(store, record)
    card = await calls.card(company.db, person(boris, company.id), record.call_id)
    assert [step.address for step in card.steps] == [boris.lines[1].login, None]
    assert vera.lines[1].login not in repr(card)
    whole = await calls.card(company.db, company.admin, record.call_id)
    assert vera.lines[1].login in repr(whole)


async def test_another_companys_calls_do_not_exist(company, store):
    other = await activate(company.db, company.issuer, "x@y.example")
    (call_id,) = await put(store, cdr(company.id))
    assert await ids(company, other.admin) == []
    with pytest.raises(NotFound):
        await calls.card(company.db, other.admin, call_id)


async def test_pages_follow_one_another_without_gaps(company, store):
    """Also where several calls began in the same microsecond."""
    made = await put(store, *(cdr(company.id, at=NOON + timedelta(seconds=n // 3)) for n in range(11)))
    query = structs.replace(calls.day(NOON, ZONE), limit=4)
    seen = []
    while True:
        page = await calls.history(company.db, company.admin, query)
        seen += [row.id for row in page.calls]
        if page.next is None:
            break
        assert len(page.calls) == 4
        query = structs.replace(query, cursor=page.next)
    assert sorted(seen) == sorted(made)
    assert len(seen) == 11


async def test_a_wrong_cursor_is_an_error_of_the_field(company):
    for cursor in ("", "x", "é", "MjAyNi0wMS0wMVQwMDowMDowMHwxMjM=", "//8="):
        query = structs.replace(calls.day(NOON, ZONE), cursor=cursor)
        with pytest.raises(Invalid) as caught:
            await calls.history(company.db, company.admin, query)
        assert set(caught.value.errors) == {"cursor"}


async def test_an_instant_without_a_zone_is_an_error_of_the_field(company):
    day = calls.day(NOON, ZONE)
    for field in ("start", "end"):
        naive = structs.replace(day, **{field: getattr(day, field).replace(tzinfo=None)})
        for ask in (calls.history, calls.count):
            with pytest.raises(Invalid) as caught:
                await ask(company.db, company.admin, naive)
            assert set(caught.value.errors) == {field}


async def test_present_calls_with_all_their_parties(company):
    boris, vera = await company.hire("Борис Кузнецов"), await company.hire("Вера Попова")
    both, hers = new_id(), new_id()
    async with company.db.tenant(company.id):
        for call_id, employee, state in (
            (both, boris, LiveCallState.RINGING),
            (both, vera, LiveCallState.RINGING),
            (hers, vera, LiveCallState.TALKING),
        ):
            await LiveCall.insert(
                LiveCall(
                    call_id=call_id,
                    direction=Direction.INCOMING,
                    caller="+79031112233",
                    called="+74951110001",
                    state=state,
                    employee_id=employee.id,
                    started_at=NOON,
                )
            )
    everything = {c.call_id: c for c in await calls.present(company.db, company.admin)}
    assert [p.name for p in everything[both].parties] == ["Борис Кузнецов", "Вера Попова"]
    assert everything[hers].state is LiveCallState.TALKING
    his = await calls.present(company.db, person(boris, company.id))
    assert [(c.call_id, len(c.parties)) for c in his] == [(both, 2)]
    admin = await calls.present(company.db, company.admin)
    assert {c.call_id for c in admin} == {both, hers}


async def row_of(company, actor, call_id):
    return (await calls.card(company.db, actor, call_id)).call


@pytest.mark.spec("HIS-08", at="rule")
@pytest.mark.parametrize("direction", [Direction.INCOMING, Direction.OUTGOING])
async def test_a_row_shows_the_client_with_the_personal_manager(company, store, direction):
    boris = await company.hire("Борис Кузнецов")
    client, ours = "+79030000001", "+74951110001"
    ends = {"caller": client, "called": ours}
    if direction is Direction.OUTGOING:
        ends = {"caller": ours, "called": client}
    (call_id,) = await put(store, cdr(company.id, direction, **ends))
    assert (await row_of(company, company.admin, call_id)).client is None
    wish = CreateContact("Анна Ли", numbers=(client,), manager_id=boris.id)
    contact = await contacts.create(company.db, company.admin, wish)
    shown = (await row_of(company, company.admin, call_id)).client
    assert (shown.id, shown.name, shown.kind) == (contact.id, "Анна Ли", ContactKind.BUSINESS)
    assert (shown.manager.id, shown.manager.name) == (boris.id, "Борис Кузнецов")
    page = await calls.history(company.db, company.admin, calls.day(NOON, ZONE))
    assert page.calls[0].client == shown


@pytest.mark.spec("HIS-08", "HIS-09", "TAG-04", at="rule")
async def test_a_call_is_given_tags_by_who_sees_it(company, store):
    boris, vera = await company.hire("Борис Кузнецов"), await company.hire("Вера Ким")
    (call_id,) = await put(store, cdr(company.id, answered_employee_id=boris.id))
    first, second = [
        await tags.create(company.db, company.admin, CreateTag(name, TagKind.CALL))
        for name in ("Жалоба", "Заказ")
    ]
    given = TagCall(call_id, (second.id, first.id, first.id))
    his = person(boris, company.id)
    assert await calltags.put(company.db, his, given) == (first.id, second.id)
    assert (await row_of(company, his, call_id)).tags == (first.id, second.id)
    assert await calltags.put(company.db, his, TagCall(call_id, (second.id,))) == (second.id,)
    with pytest.raises(NotFound):
        await calltags.put(company.db, person(vera, company.id), given)
    other = await activate(company.db, company.issuer, "x@y.example")
    with pytest.raises(NotFound):
        await calltags.put(company.db, other.admin, given)
    await tags.delete(company.db, company.admin, second.id)  # nobody could take it from them all
    assert (await row_of(company, his, call_id)).tags == ()


async def test_only_tags_for_calls_are_given_to_calls(company, store):
    (call_id,) = await put(store, cdr(company.id))
    spam = await tags.create(company.db, company.admin, CreateTag("Спам", TagKind.CONTACT))
    for wrong in (spam.id, new_id()):
        with pytest.raises(Invalid) as caught:
            await calltags.put(company.db, company.admin, TagCall(call_id, (wrong,)))
        assert set(caught.value.errors) == {"tags"}


@pytest.mark.spec("HIS-16", "HIS-17", at="rule")
@pytest.mark.parametrize("how", [StepCode.JOINED, StepCode.PICKED_UP])
async def test_who_came_into_a_call_sees_it(company, store, how):
    boris, vera = await company.hire("Борис Кузнецов"), await company.hire("Вера Ким")
    (call_id,) = await put(
        store,
        cdr(company.id, answered_employee_id=boris.id, steps=[rang(vera, vera.lines[0], code=how)]),
    )
    assert await ids(company, person(vera, company.id)) == [call_id]
