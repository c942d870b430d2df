"""Tags and contacts (features.md TAG, CON)."""

import pytest

from core.contracts import ContactKind
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.scenarios import Chain, HangUp, TagFilter
from tenants.services import contacts, scenarios, tags
from tenants.services.contacts import ContactQuery, CreateContact, UpdateContact
from tenants.services.scenario_blocks import BranchDraft
from tenants.services.scenarios import CreateScenario
from tenants.services.tags import CreateTag, TagKind, UpdateTag
from tenants.services.uses import InUse
from tests.support.company import activate, directory_of, person


async def tag(company, name="Важный", kind=TagKind.CONTACT):
    return await tags.create(company.db, company.admin, CreateTag(name, kind))


async def contact(at, /, **fields):
    command = CreateContact(**{"name": "Иван", **fields})
    return await contacts.create(at.db, at.admin, command)


async def change(company, found, **fields):
    command = UpdateContact(found.id, found.version, **fields)
    return await contacts.update(company.db, company.admin, command)


@pytest.mark.spec("TAG-01", "TAG-02", at="rule")
async def test_there_are_tags_of_three_kinds(company):
    important, spam = await tag(company), await tag(company, "Спам")
    call = await tag(company, "Жалоба", TagKind.CALL)
    await tag(company, "Жалоба", TagKind.NUMBER)
    listed = await tags.tags(company.db, company.admin, TagKind.CONTACT)
    assert [each.name for each in listed] == ["Важный", "Спам"]
    assert len(await tags.tags(company.db, company.admin)) == 4
    command = UpdateTag(important.id, important.version, name=" Очень  важный ")
    assert (await tags.update(company.db, company.admin, command)).name == "Очень важный"
    with pytest.raises(Conflict):
        await tags.update(company.db, company.admin, command)
    for name in ("", "Спам"):
        with pytest.raises(Invalid) as caught:
            await tag(company, name)
        assert set(caught.value.errors) == {"name"}
    await tags.delete(company.db, company.admin, spam.id)
    await tags.delete(company.db, company.admin, call.id)
    with pytest.raises(NotFound):
        await tags.get(company.db, company.admin, spam.id)


@pytest.mark.spec("TAG-05", "TAG-07", at="rule")
async def test_a_tag_that_is_used_stays_and_calls_tags_are_no_filter(company):
    important, spam = await tag(company), await tag(company, "Спам")
    call = await tag(company, "Жалоба", TagKind.CALL)
    await contact(company, numbers=("8 916 000-00-01",), tags=(important.id,))
    end = Chain((HangUp(),))
    branch = BranchDraft(chain=end, name="Спам", filter=TagFilter((spam.id,)))
    made = CreateScenario("Продажи", branches=(branch,))
    await scenarios.create(company.db, company.admin, made)
    for used, name in ((important, "Иван"), (spam, "Продажи")):
        with pytest.raises(InUse) as caught:
            await tags.delete(company.db, company.admin, used.id)
        assert [use.name for use in caught.value.uses] == [name]
    for wrong in (call.id, new_id()):
        branch = BranchDraft(chain=end, name="x", filter=TagFilter((wrong,)))
        with pytest.raises(Invalid) as caught:
            command = CreateScenario("Ещё", branches=(branch,))
            await scenarios.create(company.db, company.admin, command)
        assert set(caught.value.errors) == {"branches[0].filter"}
        with pytest.raises(Invalid) as caught:
            await contact(company, tags=(wrong,))
        assert set(caught.value.errors) == {"tags"}


@pytest.mark.spec("CON-03", "CON-04", "TAG-05", at="rule")
async def test_a_contact_is_made_changed_and_forgotten_and_calls_know_it(company, vault):
    important, me = await tag(company), company.activated.employee.id
    ivan = await contact(
        company, numbers=("8 916 000-00-01",), tags=(important.id,), company="Лютик", manager_id=me
    )
    assert (ivan.kind, ivan.numbers, ivan.company) == ("business", ("+79160000001",), "Лютик")
    async with directory_of(company.db, vault) as directory:
        known = directory.contact(company.id, "+79160000001")
    assert (known.tags, known.manager_id) == (frozenset([important.id]), me)
    changed = await change(company, ivan, numbers=("+79160000002", "+79160000003"), tags=())
    assert (changed.numbers, changed.tags) == (("+79160000002", "+79160000003"), ())
    with pytest.raises(Conflict):
        await change(company, ivan, name="Пётр")
    for wrong in ({"numbers": ("+79160000002",)}, {"manager_id": new_id()}, {"name": ""}):
        with pytest.raises(Invalid) as caught:
            await contact(company, **wrong)
        assert set(caught.value.errors) == set(wrong)
    with pytest.raises(Invalid) as caught:
        await change(company, changed, kind=ContactKind.PERSONAL)
    assert set(caught.value.errors) == {"company", "manager_id"}
    await contacts.delete(company.db, company.admin, ivan.id)
    with pytest.raises(NotFound):
        await contacts.get(company.db, company.admin, ivan.id)


@pytest.mark.spec("CON-05", at="rule")
async def test_personal_contacts_are_the_administrators(company):
    wife = await contact(company, kind=ContactKind.PERSONAL, numbers=("+79160000001",))
    ivan = await contact(company, numbers=("+79160000002",))
    boris = person(await company.hire("Борис"), company.id)
    for reader, seen in ((company.admin, [wife, ivan]), (boris, [ivan])):
        assert await contacts.contacts(company.db, reader, ContactQuery()) == seen
        one = await contacts.contacts(company.db, reader, ContactQuery("89160000001"))
        assert one == [each for each in seen if each is wife]
    with pytest.raises(NotFound):
        await contacts.get(company.db, boris, wife.id)
    with pytest.raises(Forbidden):
        await contacts.create(company.db, boris, CreateContact("Моя"))
    stranger = (await activate(company.db, company.issuer, "x@y.example")).admin
    assert await contacts.contacts(company.db, stranger, ContactQuery()) == []
    with pytest.raises(NotFound):
        await contacts.delete(company.db, stranger, ivan.id)


async def test_pages_and_tags_of_the_list(company):
    important = await tag(company)
    made = [await contact(company, name=f"N{n}", tags=(important.id,) * (n % 2)) for n in range(5)]
    page = await contacts.contacts(company.db, company.admin, ContactQuery(limit=3))
    assert page == made[:3]
    rest = ContactQuery(after=page[-1].id, limit=3)
    assert await contacts.contacts(company.db, company.admin, rest) == made[3:]
    tagged = ContactQuery(tag_id=important.id)
    assert await contacts.contacts(company.db, company.admin, tagged) == [made[1], made[3]]
