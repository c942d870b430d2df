"""Files fetched by HTTPS from an address that the operator has set.

The other side is not trusted with more than the content of the file: certificates are checked, also
after a redirection; size, type and time are limited; and a file that ends early is none.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from core.errors import SunSimError

__all__ = ["DownloadFailed", "download"]

_REDIRECTS = 3
_TIMES = httpx.Timeout(30, connect=15)
_TEXT = {"text/csv", "text/plain", "application/csv", "application/octet-stream"}
_TABLES = {"application/vnd.ms-excel", "binary/octet-stream", "application/force-download"}
"""What servers call a CSV file; never a page of HTML, which is how they say that it is gone."""


class DownloadFailed(SunSimError):
    """{url} cannot be downloaded: {problem}"""

    code = "download_failed"


async def download(url: str, folder: Path, megabytes: int, ca: Path | None = None) -> Path:
    """Fetch a file into the folder, under the name that it has in its address.

    ``ca`` is a PEM file with further authorities to be trusted. Raises DownloadFailed.
    """
    path = folder / _name(url)
    try:
        async with (
            httpx.AsyncClient(
                verify=_trust(url, ca),
                timeout=_TIMES,
                follow_redirects=True,
                max_redirects=_REDIRECTS,
                trust_env=True,  # a proxy of the operator's
                event_hooks={"request": [_https_only]},
            ) as client,
            client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer,
        ):
            _check(url, answer, megabytes)
            await _save(url, answer, path, megabytes)
    except httpx.HTTPError as error:
        raise DownloadFailed(url=url, problem=_reason(error)) from error
    return path


def _name(url: str) -> str:
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    kept = "".join(letter for letter in name if letter.isalnum() or letter in "-_.").lstrip(".")
    return kept if kept.lower().endswith(".csv") else f"{kept or 'file'}.csv"


def _trust(url: str, ca: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca is not None:
        try:
            context.load_verify_locations(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            problem = f"the authorities in {ca} cannot be read ({error})"
            raise DownloadFailed(url=url, problem=problem) from error
    return context


async def _https_only(request: httpx.Request) -> None:
    """Also of every redirection."""
    if request.url.scheme != "https":
        raise httpx.UnsupportedProtocol(f"{request.url} is not an https address")


def _check(url: str, answer: httpx.Response, megabytes: int) -> None:
    if answer.status_code != 200:
        problem = f"the server answers {answer.status_code} {answer.reason_phrase}".strip()
        raise DownloadFailed(url=url, problem=problem)
    kind = answer.headers.get("Content-Type", "text/csv").partition(";")[0].strip().lower()
    if kind not in _TEXT | _TABLES:
        raise DownloadFailed(url=url, problem=f"the server sends {kind}, not a CSV file")
    if int(answer.headers.get("Content-Length", 0)) > megabytes << 20:
        raise DownloadFailed(url=url, problem=_too_large(megabytes))


async def _save(url: str, answer: httpx.Response, path: Path, megabytes: int) -> None:
    room = megabytes << 20
    with path.open("wb") as file:
        async for part in answer.aiter_bytes():
            room -= len(part)
            if room < 0:
                raise DownloadFailed(url=url, problem=_too_large(megabytes))
            file.write(part)
    if room == megabytes << 20:
        raise DownloadFailed(url=url, problem="the file is empty")


def _too_large(megabytes: int) -> str:
    return f"the file is larger than {megabytes} MB (SUNSIM_NUMBERING_MEGABYTES)"


def _reason(error: httpx.HTTPError) -> str:
    """In words, the innermost cause first: wrappers often say nothing."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message}); see SUNSIM_NUMBERING_CA"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.TimeoutException):
        return "the server does not answer in time"
    return str(error) or type(error).__name__
