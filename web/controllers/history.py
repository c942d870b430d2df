"""«История звонков»: who talks now, the calls of a day, and the card of one call."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from litestar import Controller, Request, Response, get
from litestar.params import FromPath
from msgspec.structs import replace

from core.contracts import Direction
from tenants.services import calls
from tenants.services.recordings import RecordingState
from web.audio import send
from web.context import WebContext
from web.controllers.history_views import Card, Heard, days, filters, heard, present, row
from web.forms import key, with_query
from web.inject import TheContext, ThePage, TheVisitor
from web.pages import Page
from web.sessions import Visitor

__all__ = ["HistoryController"]

AnyRequest = Request[Any, Any, Any]
SHOWN = ("incoming", "outgoing", "missed")


class HistoryController(Controller):
    """The page opens on the current day, whatever was looked at before (HIS-02)."""

    path = "/history"

    @get("/")
    async def index(
        self, request: AnyRequest, context: TheContext, visitor: TheVisitor, page: ThePage
    ) -> Response[str]:
        """The calls of a day (HIS-01), as far as the reader may see them (HIS-15, HIS-16)."""
        return await _View(request, context, visitor, page).show()

    @get("/{call:str}")
    async def card(
        self,
        request: AnyRequest,
        context: TheContext,
        visitor: TheVisitor,
        page: ThePage,
        call: FromPath[str],
    ) -> Response[str]:
        """The same with one call's card beside it (HIS-12)."""
        gettext = page.language.gettext
        zone = page.formats.zone.key
        found = await calls.card(context.database, visitor.actor, key(call), gettext, zone)
        return await _View(request, context, visitor, page).show(found)

    @get("/recordings/{recording:str}/audio")
    async def audio(
        self,
        request: AnyRequest,
        context: TheContext,
        visitor: TheVisitor,
        recording: FromPath[str],
    ) -> Response[Any]:
        """A recording, or the piece of it that the player wants (HIS-10)."""
        return await send(request, context.recordings, visitor.actor, key(recording))


class _View:
    """One request: which day, which calls of it, which page of them."""

    def __init__(self, request: AnyRequest, context: WebContext, visitor: Visitor, page: Page) -> None:
        self.context, self.visitor, self.page = context, visitor, page
        asked = request.query_params
        self.today = page.today().date()
        self.day = _day(asked.get("day", ""), self.today)
        self.shown = asked.get("show", "") if asked.get("show") in SHOWN else ""
        self.cursor = asked.get("after") or None
        self.skipped = _skipped(asked.get("from", ""))

    def url(self, path: str = "/history", **changed: str) -> str:
        """An address with this request's filters, some of them changed."""
        # A cursor is of its day, also when that is over; without one the page opens on today.
        day = self.day.isoformat() if self.day != self.today or changed.get("after") else ""
        return with_query(path, {"day": day, "show": self.shown, **changed})

    def card_url(self, call_id: UUID) -> str:
        """The address of a card, the list beside it kept as it is."""
        skipped = str(self.skipped) if self.cursor else ""
        return self.url(f"/history/{call_id}", after=self.cursor or "", **{"from": skipped})

    async def show(self, found: calls.CallCard | None = None) -> Response[str]:
        """The whole page; the browser takes the part that it asked for."""
        db, actor, page = self.context.database, self.visitor.actor, self.page
        query = self._query()
        listed = await calls.history(db, actor, query)
        total = await calls.count(db, actor, query)
        now = await calls.present(db, actor)
        end = self.skipped + len(listed.calls)
        older = self.url(after=listed.next, **{"from": str(end)}) if listed.next else ""
        return page.render(
            "history.html",
            calls=[row(call, page) for call in listed.calls],
            present=[present(call, page) for call in now],
            days=days(self.day, self.today, page, self.url),
            chips=filters(page, self.shown, self.url),
            filtered=bool(self.shown),
            count_text=_counted(page, self.skipped, end, total),
            older=older,
            newer=self.url() if self.cursor else "",
            list_url=self.url(after=self.cursor or "", **{"from": str(self.skipped or "")}),
            card_url=self.card_url,
            card=Card(found, page, await self._heard(found.call.id)) if found else None,
            panels=await self.visitor.panels("call", found.call.id, page) if found else [],
        )

    async def _heard(self, call_id: UUID) -> list[Heard]:
        """What can be heard of a call, by this reader."""
        recordings, actor = self.context.recordings, self.visitor.actor
        found = await recordings.of_call(actor, call_id)
        ready = [each for each in found if each.state is RecordingState.READY]
        return [heard(each, await recordings.peaks(actor, each.id), self.page) for each in ready]

    def _query(self) -> calls.CallQuery:
        noon = datetime.combine(self.day, time(12), self.page.formats.zone)
        query = replace(
            calls.day(noon.astimezone(UTC), str(self.page.formats.zone)), cursor=self.cursor
        )
        if self.shown == "missed":
            return replace(query, direction=Direction.INCOMING, unanswered=True)
        return replace(query, direction=Direction(self.shown) if self.shown else None)


def _day(text: str, today: date) -> date:
    """The day asked for; the current one for anything else, also for days to come."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return today
    return day if date(2000, 1, 1) <= day < today + timedelta(days=1) else today


def _skipped(text: str) -> int:
    """How many calls are on the pages before, as this page wrote it itself."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _counted(page: Page, first: int, last: int, total: int) -> str:
    if total <= last - first:
        return page.counted("{count} call", "{count} calls", total)
    return str(page.text("{first}–{last} of {total}", first=first + 1, last=last, total=total))
