"""Deals, as people work on them (features.md DEA)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from plugins.crm.logic import LONGEST_PAGE, CreateDeal, DealView, deal_view, one_line
from plugins.crm.service.clients import chosen
from plugins.crm.tables import Deal
from sunsim import FieldError, Invalid, NotFound, Office

__all__ = ["create_deal", "deal", "deals"]


async def deals(office: Office, after: UUID | None = None, limit: int = 50) -> list[DealView]:
    """A page of the deals that the viewer sees, the latest first."""
    async with office.transaction():
        where, args = _visible(office)
        if after is not None:
            where, args = f"{where} AND d.id < {{}}", [*args, after]
        most = min(limit, LONGEST_PAGE)
        sql = f"SELECT d.* FROM crm_deals d WHERE {where} ORDER BY d.id DESC LIMIT {most}"
        return [deal_view(row) for row in await Deal.raw(sql, *args)]


async def deal(office: Office, deal_id: UUID) -> DealView:
    """One deal. Raises NotFound, also for a private one of somebody else (DEA-08)."""
    async with office.transaction():
        return await _deal(office, deal_id)


async def create_deal(office: Office, command: CreateDeal) -> DealView:
    """A deal made by hand (DEA-01), the only one of its contact (DEA-07). Raises Invalid by field."""
    refusals = {
        "crm_deals_contact_once": ("contact_id", "This contact has a deal already."),
        "crm_deals_responsible_fkey": ("responsible_id", "There is no such employee."),
        "crm_deals_contact_fkey": ("contact_id", "There is no such contact."),
    }
    responsible = command.responsible_id or office.viewer.employee_id
    if command.private and responsible is None:
        raise Invalid(responsible_id=FieldError("A private deal needs a responsible."))
    async with office.transaction(**refusals):
        contact_id, _ = await chosen(office, command.contact_id, None)
        made = Deal(
            contact_id=contact_id,
            only_of=contact_id,
            title=one_line(command.title) if command.title.strip() else "",
            responsible_id=responsible,
            private=command.private,
        )
        await Deal.insert(made)
        # What a private deal is about is nobody else's, not even the journal's readers'.
        after = {} if command.private else {"title": made.title}
        await office.note("deal.create", made.id, after=after)
        return deal_view(dict((await Deal.select().where(Deal.id == made.id))[0]))


async def _deal(office: Office, deal_id: UUID) -> DealView:
    where, args = _visible(office)
    sql = f"SELECT d.* FROM crm_deals d WHERE d.id = {{}} AND {where}"
    rows = await Deal.raw(sql, deal_id, *args)
    if not rows:
        raise NotFound
    return deal_view(dict(rows[0]))


def _visible(office: Office) -> tuple[str, list[Any]]:
    """The one condition on rows ``d``: a private deal is its responsible's, by the letter (H-7). So is
    one whose contact is gone, which may have been a personal one, and administrators'."""
    viewer = office.viewer
    kept = "d.private" if viewer.administrator else "(d.private OR d.contact_id IS NULL)"
    mine = f"NOT {kept} OR d.responsible_id = {{}}"
    return f"({mine}) AND {office.visible('NULL', 'd.contact_id')}", [viewer.employee_id]
