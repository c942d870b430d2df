"""A client that goes away in the middle of what it sends is no fault of ours."""

import json

import pytest
from litestar import Litestar, Request, post
from structlog.testing import capture_logs

from web.api.access import needs
from web.api.intake import before_request, content_of
from web.api.problems import handlers


@post("/sound", **needs("media:write", content="audio/mpeg"))
async def sound(request: Request) -> None:
    async for _ in content_of(request):
        pass


@post("/text", **needs("media:write"))
async def text(request: Request) -> None:
    await request.json()


@pytest.mark.parametrize("path", ["/sound", "/text"])
async def test_a_client_that_goes_away_while_it_sends_is_taken_quietly(path):
    app = Litestar([sound, text], before_request=before_request, exception_handlers=handlers)
    sent = []
    coming = iter(
        [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    )

    async def receive():
        return next(coming)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    with capture_logs() as logs:
        await app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert json.loads(sent[1]["body"])["code"] == "malformed"
    assert not [entry for entry in logs if entry["event"] in ("api_crashed", "api_failed")]
