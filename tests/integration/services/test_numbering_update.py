"""The numbering plan downloaded from a server of the test's own, by HTTPS."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from msgspec import structs

from core.errors import NotFound, SettingError
from core.settings import NumberingSettings, load
from core.sip.certificate import self_signed
from tenants import download
from tenants.numbering import UnusableNumbering
from tenants.services import numbering
from tenants.services.actor import operator
from tests.support.company import person

FILES = Path(__file__).parents[2] / "golden" / "numbering"
MOBILES = (FILES / "DEF-9xx.csv").read_bytes()
FIXED = (FILES / "ABC-4xx.CSV").read_bytes()
OPERATOR = operator("test")


class Registry:
    """Answers by path: status, headers, content."""

    def __init__(self, folder):
        self.answers = {}
        self.asked = []
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                registry.asked.append(self.path)
                status, headers, content = registry.answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                """Not into the output of the tests."""

        certificate, key = self_signed(folder, ["127.0.0.1"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.certificate = certificate
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def url(self, path, scheme="https"):
        return f"{scheme}://127.0.0.1:{self.server.server_port}{path}"

    def settings(self, *paths):
        return NumberingSettings(tuple(map(self.url, paths)), ca=self.certificate, megabytes=1)

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def registry(tmp_path):
    made = Registry(tmp_path)
    yield made
    made.close()


async def test_the_files_are_downloaded_and_put_into_force(database, registry):
    registry.answers = {
        "/files/DEF-9xx.csv?v=2": (200, {"Content-Type": "text/csv; charset=utf-8"}, MOBILES),
        "/old": (302, {"Location": "/files/ABC-4xx.CSV"}, b""),
        "/files/ABC-4xx.CSV": (200, {"Content-Type": "application/octet-stream"}, FIXED),
    }
    settings = registry.settings("/files/DEF-9xx.csv?v=2", "/old")
    view = await numbering.update(database, OPERATOR, settings)
    assert (view.source, view.ranges) == ("127.0.0.1", 8)
    assert (await numbering.present(database, OPERATOR)).id == view.id
    assert registry.asked == ["/files/DEF-9xx.csv?v=2", "/old", "/files/ABC-4xx.CSV"]


WRONG = [
    ((404, {}, b"gone"), "the server answers 404 Not Found"),
    ((200, {"Content-Type": "text/html"}, b"<html>"), "the server sends text/html, not a CSV file"),
    ((200, {}, b"x" * ((1 << 20) + 1)), "the file is larger than 1 MB"),
    ((200, {"Content-Length": "900"}, MOBILES[:100]), "without sending complete message body"),
    ((200, {}, b""), "the file is empty"),
    ((302, {"Location": "http://127.0.0.1:9/x.csv"}, b""), "is not an https address"),
    ((302, {"Location": "/plan.csv"}, b""), "Exceeded maximum allowed redirects"),
]


async def test_what_is_wrong_is_said_and_the_plan_in_force_stays(database, registry):
    settings = registry.settings("/DEF-9xx.csv", "/plan.csv")
    for answer, said in WRONG:
        registry.answers = {"/plan.csv": answer, "/DEF-9xx.csv": (200, {}, MOBILES)}
        with pytest.raises(download.DownloadFailed) as caught:
            await numbering.update(database, OPERATOR, settings)
        assert said in caught.value.message
        assert caught.value.message.startswith(registry.url("/plan.csv"))
    assert await numbering.present(database, OPERATOR) is None


async def test_a_certificate_that_nobody_vouches_for_is_refused(database, registry):
    stranger = structs.replace(registry.settings("/plan.csv"), ca=None)
    with pytest.raises(download.DownloadFailed) as caught:
        await numbering.update(database, OPERATOR, stranger)
    assert "its certificate is not trusted" in caught.value.message
    assert "SUNSIM_NUMBERING_CA" in caught.value.message
    assert registry.asked == []
    missing = structs.replace(stranger, ca=FILES / "nothing.pem")
    with pytest.raises(download.DownloadFailed) as caught:
        await numbering.update(database, OPERATOR, missing)
    assert "cannot be read" in caught.value.message


async def test_a_file_that_is_no_plan_or_lost_most_of_it_changes_nothing(database, registry):
    row = b"916;0;9999999;10000000;X;Tver;1\n"
    registry.answers = {
        "/a.csv": (200, {}, MOBILES),
        "/b.csv": (200, {}, b"a,b,c\n1,2,3\n"),
        "/c.csv": (200, {}, row),
    }
    before = await numbering.update(database, OPERATOR, registry.settings("/a.csv"))
    with pytest.raises(UnusableNumbering):
        await numbering.update(database, OPERATOR, registry.settings("/b.csv"))
    with pytest.raises(numbering.Shrunken) as caught:
        await numbering.update(database, OPERATOR, registry.settings("/c.csv"))
    assert caught.value.message.startswith(f"The files have 1 ranges, those in force {before.ranges};")
    assert (await numbering.present(database, OPERATOR)).id == before.id


async def test_it_is_the_operators(company, registry):
    with pytest.raises(NotFound):
        await numbering.update(company.db, company.admin, registry.settings("/a.csv"))
    boris = person(await company.hire(), company.id)
    with pytest.raises(NotFound):
        await numbering.update(company.db, boris, registry.settings("/a.csv"))
    assert registry.asked == []


def test_without_an_address_it_is_said_which_setting_is_missing(sunsim):
    assert "SUNSIM_NUMBERING_URLS" in sunsim("numbering", "update", code=1).output


def test_addresses_are_https():
    given = {"SUNSIM_NUMBERING_URLS": "https://a.example/1.csv, https://b.example/2.csv"}
    assert len(load(given).numbering.urls) == 2
    with pytest.raises(SettingError):
        load({"SUNSIM_NUMBERING_URLS": "http://a.example/1.csv"})
