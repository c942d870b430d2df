"""Kamailio, a SIP server that we did not write: as a proxy in front of us, as a carrier's registrar.

``proxy`` stays in the way of every dialog (Record-Route) and of every registration (Path). What
comes from us goes where its Route says, or to the ``gateway``; everything else comes to us.
``registrar`` asks for the account's password by digest, keeps our registration, and brings calls to
our Contact.
"""

import asyncio
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.free_ports import free_port

ACCOUNT = {"login": "sunsim", "password": "s3cret", "realm": "carrier"}
"""Ours at the registrar."""

_COMMON = """
debug=1
log_stderror=yes
fork=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
listen=udp:{host}:{port}
listen=tcp:{host}:{port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
modparam("rr", "enable_full_lr", 1)
"""

_IN_DIALOG = """
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
        sl_send_reply("404", "No Route");
        exit;
    }}
    t_check_trans();
"""

_PROXY = """
loadmodule "path.so"
modparam("path", "use_received", 1)
request_route {{
    {in_dialog}
    if (is_method("INVITE")) record_route();
    if ($si == "{server}" && $sp == {server_port}) {{
        loose_route();
        if ($du == $null) $du = "sip:{gateway}";
        t_relay();
        exit;
    }}
    if (is_method("REGISTER")) add_path_received();
    $du = "sip:{server}:{server_port}{transport}";
    t_relay();
}}
"""

_REGISTRAR = """
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "max_expires", 3600)
request_route {{
    {in_dialog}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("{realm}", "{password}", "0")) {{
            www_challenge("{realm}", "1");
            exit;
        }}
        save("location");
        exit;
    }}
    if (!is_method("INVITE")) {{ sl_send_reply("200", "OK"); exit; }}
    record_route();
    if ($si == "{server}" && $sp == {server_port}) {{
        if (!pv_proxy_authenticate("{realm}", "{password}", "0")) {{
            proxy_challenge("{realm}", "1");
            exit;
        }}
        consume_credentials();
        $du = "sip:{gateway}";
        t_relay();
        exit;
    }}
    $ru = "sip:{login}@{host}:{port}";
    if (!lookup("location")) {{ sl_send_reply("480", "Not Registered"); exit; }}
    t_relay();
}}
"""


class Kamailio:
    """A running Kamailio and where it listens."""

    def __init__(self, folder, process, address):
        self.folder = folder
        self.process = process
        self.address = address

    def log(self):
        return (self.folder / "log").read_text(errors="replace")


def proxy(host, server, gateway=("127.0.0.1", 9), transport=""):
    """In front of ``server``; with a ``transport`` it speaks so with us, whatever came in."""
    by = f";transport={transport}" if transport else ""
    return _running(_PROXY, host, server, gateway, transport=by)


def registrar(host, server, gateway):
    """A carrier where ``ACCOUNT`` is ours, and ``gateway`` the telephone network."""
    return _running(_REGISTRAR, host, server, gateway, **ACCOUNT)


@asynccontextmanager
async def _running(routes, host, server, gateway, **more):
    with TemporaryDirectory(prefix="kamailio-") as name:
        folder, port = Path(name), free_port(host)
        values = {
            "host": host,
            "port": port,
            "server": server[0],
            "server_port": server[1],
            "gateway": f"{gateway[0]}:{gateway[1]}",
            **more,
        }
        text = _COMMON + routes.replace("{in_dialog}", _IN_DIALOG)
        (folder / "kamailio.cfg").write_text(text.format(**values))
        with (folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                "kamailio",
                *("-f", "kamailio.cfg", "-Y", name, "-w", name, "-m", "16", "-M", "4", "-DD", "-E"),
                cwd=folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        kamailio = Kamailio(folder, process, (host, port))
        try:
            await _until_ready(kamailio)
            yield kamailio
        finally:
            await _end(process)


async def _until_ready(kamailio):
    """It answers a keep-alive of a connection as soon as its workers run."""
    async with asyncio.timeout(20):
        while True:
            if kamailio.process.returncode is not None:
                raise AssertionError(f"Kamailio ended:\n{kamailio.log()}")
            if await _answers(kamailio.address):
                return
            await asyncio.sleep(0.05)


async def _answers(address):
    host, port = address
    request = (
        f"OPTIONS sip:{host}:{port} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKready\r\n"
        "Max-Forwards: 0\r\nFrom: <sip:test@test>;tag=1\r\nTo: <sip:test@test>\r\nCall-ID: ready\r\n"
        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        writer.write(request.encode())
        async with asyncio.timeout(2):
            return (await reader.readline()).startswith(b"SIP/2.0 483")
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


async def _end(process):
    """Its first process ends the others."""
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()
