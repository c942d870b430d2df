"""What a program of the company asks for in a story, over the API."""

import asyncio

import httpx

from tenants.services import tokens

__all__ = ["Program"]

_GLANCE = 0.5
_GONE, _NOTHING_RECORDED = 404, 409


class Program:
    """With a token of the company, for all of its stories."""

    def __init__(self, company):
        self._company = company
        self._client = None

    async def open(self):
        made = await tokens.create(
            self._company.db,
            self._company.here,
            tokens.CreateToken("stories", ("calls:write", "calls:read")),
        )
        self._client = httpx.AsyncClient(
            base_url=f"{self._company.instance.http}/api/v1",
            headers={"Authorization": f"Bearer {made.token}"},
            timeout=60,
        )
        return self

    async def close(self):
        await self._client.aclose()

    async def connect(self, employee_id, number):
        body = {"employee_id": str(employee_id), "number": number}
        answer = await self._client.post("/calls", json=body)
        assert answer.status_code == 202, answer.text

    async def pause_recording(self, paused, present):
        """In one of the calls whose ids ``present`` returns, once it is shown and recorded."""
        while True:
            for call_id in await present():
                where = f"/calls/present/{call_id}/recording"
                answer = await self._client.put(where, json={"paused": paused})
                if answer.status_code not in (_GONE, _NOTHING_RECORDED):
                    answer.raise_for_status()
                    return
            await asyncio.sleep(_GLANCE)
