"""The company's numbers and the operator's stock."""

import pytest
from msgspec import structs

from core.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from core.ids import new_id
from tenants.services import audit, numbers, offers, tags, trunks
from tenants.services.actor import operator
from tenants.services.numbers import AddNumber, AssignNumber, RouteNumber, UpdateNumber
from tenants.services.offers import BuyNumbers, OfferPlace, OfferQuery
from tenants.services.tags import CreateTag, TagKind
from tenants.services.uses import InUse
from tenants.tables import OperatorEntry
from tests.support.company import activate, directory_of, person

OPERATOR = operator("shop")


@pytest.mark.spec("NUM-01", at="rule")
async def test_all_numbers_of_the_contract_and_no_others(company):
    await activate(company.db, company.issuer, "x@y.example", numbers=("+74952220001",))
    await numbers.add(company.db, OPERATOR, AddNumber("+74953330001"))
    boris = await company.hire("Борис Кузнецов")
    for reader in (company.admin, person(boris, company.id)):
        found = await numbers.numbers(company.db, reader)
        assert [number.e164 for number in found] == ["+74951110001", "+74951110002"]


async def test_a_number_has_a_display_name(company):
    number = company.activated.numbers[0]
    changed = await numbers.update(
        company.db, company.admin, UpdateNumber(number.id, number.version, label="  Отдел   продаж ")
    )
    assert (changed.label, changed.version) == ("Отдел продаж", number.version + 1)
    with pytest.raises(Conflict):
        await numbers.update(
            company.db, company.admin, UpdateNumber(number.id, number.version, label="x")
        )
    cleared = await numbers.update(
        company.db, company.admin, UpdateNumber(number.id, changed.version, label="")
    )
    assert cleared.label == ""
    for wrong in ({"label": "x" * 61}, {"label": "a\x00"}, {"scenario_id": new_id()}):
        with pytest.raises(Invalid) as caught:
            await numbers.update(
                company.db, company.admin, UpdateNumber(number.id, cleared.version, **wrong)
            )
        assert set(caught.value.errors) == set(wrong)


@pytest.mark.spec("NUM-05", at="rule")
async def test_the_called_number_is_shown_if_the_company_wants_it(company, vault):
    number = company.activated.numbers[0]
    assert not number.shows_called
    wish = UpdateNumber(number.id, number.version, shows_called=True)
    assert (await numbers.update(company.db, company.admin, wish)).shows_called
    async with directory_of(company.db, vault) as directory:
        snapshot, known = directory.number(number.e164)
        assert known.shows_called
        assert [each.shows_called for each in snapshot.numbers] == [True, False]


async def test_who_may_change_numbers(company):
    number = company.activated.numbers[0]
    boris = await company.hire("Борис Кузнецов")
    wish = UpdateNumber(number.id, number.version, label="x")
    with pytest.raises(Forbidden):
        await numbers.update(company.db, person(boris, company.id), wish)
    other = await activate(company.db, company.issuer, "x@y.example")
    with pytest.raises(NotFound):
        await numbers.update(company.db, other.admin, wish)
    with pytest.raises(NotFound):
        await numbers.get(company.db, other.admin, number.id)
    for forbidden in (
        numbers.stock(company.db, company.admin),
        numbers.add(company.db, company.admin, AddNumber("+74953330001")),
        numbers.assign(company.db, company.admin, AssignNumber("+74953330001", company.id)),
    ):
        with pytest.raises(NotFound):
            await forbidden


async def test_the_stock_says_who_has_what(company):
    await numbers.add(
        company.db, OPERATOR, AddNumber("8 812 333-00-01", "carrier", "Петербург", "gold")
    )
    found = {n.e164: n for n in await numbers.stock(company.db, OPERATOR)}
    free = found["+78123330001"]
    assert (free.trunk, free.city, free.category, free.holder) == (
        "carrier",
        "Петербург",
        "gold",
        None,
    )
    assert found["+74951110001"].holder == "ООО «Ромашка»"


async def test_calls_with_a_number_may_leave_through_several_carriers(company, vault):
    for name in ("west", "east"):
        await trunks.add(company.db, OPERATOR, trunks.AddTrunk(name, "203.0.113.7"))
    e164 = "+74953330001"
    added = await numbers.add(
        company.db, OPERATOR, AddNumber(e164, "carrier", further=("east", "west"))
    )
    assert (added.trunk, added.further) == ("carrier", ("east", "west"))
    await numbers.assign(company.db, OPERATOR, AssignNumber(e164, company.id))
    async with directory_of(company.db, vault) as directory:
        _, number = directory.number(e164)
        assert [t.name for t in directory.trunks_for(number)] == ["carrier", "east", "west"]
    await numbers.route(company.db, OPERATOR, RouteNumber(e164, ("west", "carrier", "west")))
    async with directory_of(company.db, vault) as directory:
        assert [t.name for t in directory.trunks_for(number)] == ["carrier", "west"]
        own = structs.replace(number, trunk_id=None)
        assert [t.name for t in directory.trunks_for(own)] == ["west", "carrier"]
        bare = structs.replace(own, e164="+74950000000")
        assert [t.name for t in directory.trunks_for(bare)] == ["carrier"]
        assert len(directory.trunks()) == 3
    with pytest.raises(Invalid):
        await numbers.route(company.db, OPERATOR, RouteNumber(e164, ("nobody",)))
    with pytest.raises(NotFound):
        await numbers.route(company.db, OPERATOR, RouteNumber("+74959999999", ()))


async def test_what_cannot_be_put_into_the_stock(company):
    for command, field in (
        (AddNumber("+74951110001"), "e164"),
        (AddNumber("abc"), "e164"),
        (AddNumber(""), "e164"),
        (AddNumber("+74953330001", trunk="nobody"), "trunk"),
    ):
        with pytest.raises(Invalid) as caught:
            await numbers.add(company.db, OPERATOR, command)
        assert set(caught.value.errors) == {field}
        assert isinstance(caught.value.errors[field], FieldError)


async def test_a_number_is_given_once_and_only_to_whom_there_is(company):
    await numbers.add(company.db, OPERATOR, AddNumber("+74953330001"))
    with pytest.raises(NotFound):
        await numbers.assign(company.db, OPERATOR, AssignNumber("+74953330001", new_id()))
    with pytest.raises(NotFound):
        await numbers.assign(company.db, OPERATOR, AssignNumber("+74959999999", company.id))
    await numbers.assign(company.db, OPERATOR, AssignNumber("+74953330001", company.id))
    with pytest.raises(Conflict):
        await numbers.assign(company.db, OPERATOR, AssignNumber("+74953330001", company.id))
    log = await audit.entries(company.db, company.admin)
    assert log[0].action == "number.activate"
    assert log[0].actor == "shop"


async def test_the_operators_changes_are_kept_and_cannot_be_altered(company):
    await numbers.add(company.db, OPERATOR, AddNumber("+74953330001"))
    async with company.db.directory() as session:
        entry = await OperatorEntry.select().order_by(OperatorEntry.at, ascending=False).first()
        granted = await session.fetchval(
            "SELECT has_table_privilege('operator_entries', 'UPDATE, DELETE, TRUNCATE')"
        )
    assert (entry["actor"], entry["action"]) == ("shop", "stock.add")
    assert "+74953330001" in entry["details"]
    assert granted is False


STOCK = (
    ("+74953330077", "Москва", "standard"),
    ("+74953337777", "Москва", "golden"),
    ("+78123330000", "Санкт-Петербург", "golden"),
)


@pytest.fixture
async def for_sale(company):
    for e164, city, category in STOCK:
        await numbers.add(company.db, OPERATOR, AddNumber(e164, city=city, category=category))


@pytest.mark.spec("NUM-09", at="rule")
async def test_numbers_for_sale_are_chosen_by_city_category_and_pattern(company, for_sale):
    for chosen, wanted in (
        ({}, (0, 1, 2)),
        ({"city": "Москва"}, (0, 1)),
        ({"city": "Москва", "category": "golden"}, (1,)),
        ({"city": "Казань"}, ()),
        ({"pattern": "7777"}, (1,)),
        ({"pattern": "33?0"}, (0, 2)),
        ({"pattern": "*00"}, (2,)),
        ({"pattern": "+7495*77"}, (0, 1)),
        ({"pattern": "7 (495) 333-00"}, (0,)),
        ({"limit": 1}, (0,)),
    ):
        found = await offers.offers(company.db, company.admin, OfferQuery(**chosen))
        assert [offer.e164 for offer in found.items] == [STOCK[each][0] for each in wanted], chosen
        assert found.places == [
            OfferPlace("Москва", "golden", 1),
            OfferPlace("Москва", "standard", 1),
            OfferPlace("Санкт-Петербург", "golden", 1),
        ]


async def test_what_is_no_pattern_is_said_so(company):
    for pattern in ("abc", "%", "_", "7' OR 1", "1" * 21):
        with pytest.raises(Invalid) as caught:
            await offers.offers(company.db, company.admin, OfferQuery(pattern=pattern))
        assert set(caught.value.errors) == {"pattern"}


@pytest.mark.spec("NUM-10", "NUM-11", at="rule")
async def test_several_numbers_are_bought_at_once_or_none(company, for_sale, vault):
    default = company.activated.numbers[0].scenario_id
    wanted = (STOCK[1][0], STOCK[0][0])
    bought = await offers.buy(company.db, company.admin, BuyNumbers(wanted))
    assert [number.e164 for number in bought] == list(wanted)
    assert {number.scenario_id for number in bought} == {default}
    async with directory_of(company.db, vault) as directory:
        assert all(directory.number(e164) for e164 in wanted)
    other = await activate(company.db, company.issuer, "x@y.example")
    for theirs in (STOCK[0][0], "+74959999999"):
        with pytest.raises((Conflict, NotFound)):
            await offers.buy(company.db, other.admin, BuyNumbers((STOCK[2][0], theirs)))
    left = await offers.offers(company.db, other.admin, OfferQuery())
    assert [offer.e164 for offer in left.items] == [STOCK[2][0]]
    assert await numbers.numbers(company.db, other.admin) == []


async def test_who_may_buy_and_how_much(company, for_sale):
    boris = await company.hire("Борис Кузнецов")
    wish = BuyNumbers((STOCK[0][0],))
    with pytest.raises(Forbidden):
        await offers.buy(company.db, person(boris, company.id), wish)
    small = await activate(company.db, company.issuer, "x@y.example", most_numbers=1)
    with pytest.raises(Conflict):
        await offers.buy(company.db, small.admin, BuyNumbers((STOCK[0][0], STOCK[1][0])))
    await offers.buy(company.db, small.admin, wish)
    with pytest.raises(Conflict):
        await offers.buy(company.db, small.admin, BuyNumbers((STOCK[1][0],)))
    for wrong in ((), ("x",), tuple(f"+7495444{n:04}" for n in range(21))):
        with pytest.raises(Invalid) as caught:
            await offers.buy(company.db, company.admin, BuyNumbers(wrong))
        assert set(caught.value.errors) == {"numbers"}


@pytest.mark.spec("NUM-04", "TAG-06", at="rule")
async def test_a_number_has_tags_of_its_own_kind(company):
    number = company.activated.numbers[0]
    office = await tags.create(company.db, company.admin, CreateTag("Офис", TagKind.NUMBER))
    spam = await tags.create(company.db, company.admin, CreateTag("Спам", TagKind.CONTACT))
    wish = UpdateNumber(number.id, number.version, tags=(office.id, office.id))
    tagged = await numbers.update(company.db, company.admin, wish)
    assert tagged.tags == (office.id,)
    with pytest.raises(InUse) as used:
        await tags.delete(company.db, company.admin, office.id)
    assert [use.id for use in used.value.uses] == [number.id]
    for wrong in (spam.id, new_id()):
        wish = UpdateNumber(number.id, tagged.version, tags=(wrong,))
        with pytest.raises(Invalid) as caught:
            await numbers.update(company.db, company.admin, wish)
        assert set(caught.value.errors) == {"tags"}
    bare = await numbers.update(
        company.db, company.admin, UpdateNumber(number.id, tagged.version, tags=())
    )
    assert bare.tags == ()
    await tags.delete(company.db, company.admin, office.id)
