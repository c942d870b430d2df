"""All settings, one struct per concern, from ``SUNSIM_*`` environment variables.

A field ``port_min`` of the concern ``media`` is ``SUNSIM_MEDIA_PORT_MIN``; an empty value is none. An
unknown name or a value that does not fit stops the start with one line that names both. Every field
says what it means; ``docs/operations.md`` lists them and a test holds the two together.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta as Doc
from msgspec import Struct

from core.errors import SettingError

__all__ = [
    "PREFIX",
    "Address",
    "DataSettings",
    "HttpSettings",
    "LogSettings",
    "MailSettings",
    "MediaSettings",
    "NumberingSettings",
    "RecordingSettings",
    "Settings",
    "SipSettings",
    "load",
    "names",
]

PREFIX = "SUNSIM_"
_HOST = r"^([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$|^[0-9A-Fa-f]*:[0-9A-Fa-f:.]+$"
"""A name or an address, v6 in brackets or without a port."""
_Dsn = Annotated[
    str,
    Doc(pattern="^postgres(ql)?://.", extra={"expected": "a URL such as postgresql://user@host/name"}),
]


class Address:
    """A host and a port; port 0 asks the system for a free one."""

    __slots__ = ("host", "port")

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port

    @classmethod
    def parse(cls, text: str) -> Address:
        """``host:port``, ``:port`` (loopback) or ``[v6]:port``; ValueError says what is wrong."""
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"expected HOST:PORT, got {text!r}")
        return cls(host.strip("[]") or "127.0.0.1", int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Address({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash((self.host, self.port))


class DataSettings(Struct, frozen=True):
    """Where things are kept."""

    dir: Annotated[
        Path, Doc(description="Folder of the embedded database, keys, journal and media.")
    ] = Path("var")
    dsn: Annotated[
        _Dsn | None,
        Doc(description="PostgreSQL DSN of the schema's owner; without it an embedded server runs."),
    ] = None
    dsn_app: Annotated[
        _Dsn | None,
        Doc(description="DSN of the role sunsim_app; without it the owner's DSN with SET ROLE."),
    ] = None
    dsn_directory: Annotated[
        _Dsn | None,
        Doc(description="DSN of the role sunsim_directory; without it as for dsn_app."),
    ] = None
    pool: Annotated[int, Doc(ge=1, le=100, description="Database connections per process.")] = 8
    master_key: Annotated[
        str | None,
        Doc(description="Base64 of 32 bytes that seal secrets; without it a file in the folder."),
    ] = None
    sound_megabytes: Annotated[
        int, Doc(ge=1, description="Megabytes of uploaded files and media that a company may keep.")
    ] = 500
    library: Annotated[
        Path | None,
        Doc(description="Folder of the ready-made library's clips; without it in the data folder."),
    ] = None

    @property
    def library_folder(self) -> Path:
        """Where the clips of the library are; several installations of a machine may share it."""
        return (self.library or self.dir / "sound" / "library").resolve()


class HttpSettings(Struct, frozen=True):
    """The cabinet and the API."""

    listen: Annotated[Address, Doc(description="Where HTTP listens.")] = Address("127.0.0.1", 8080)
    public_url: Annotated[
        Annotated[str, Doc(pattern=r"^https?://\S", extra={"expected": "an http or https URL"})] | None,
        Doc(description="URL that users see; https makes cookies Secure."),
    ] = None
    brand: Annotated[str, Doc(description="Name of the product on pages.")] = "СанСим"
    session_hours: Annotated[int, Doc(ge=1, description="Hours until an idle login ends.")] = 12
    metrics_from: Annotated[
        tuple[str, ...], Doc(description="Networks that may read /metrics, besides this machine.")
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...], Doc(description="Addresses whose X-Forwarded-For is believed.")
    ] = ()


class SipSettings(Struct, frozen=True):
    """Signalling."""

    listen: Annotated[Address, Doc(description="Where SIP listens, by UDP and TCP.")] = Address(
        "127.0.0.1", 5060
    )
    listen_also: Annotated[
        tuple[Address, ...],
        Doc(description="Further addresses for UDP and TCP, such as one of IPv6."),
    ] = ()
    listen_tls: Annotated[tuple[Address, ...], Doc(description="Where SIP listens by TLS.")] = ()
    listen_ws: Annotated[
        tuple[Address, ...], Doc(description="Where SIP listens by WebSocket, unencrypted.")
    ] = ()
    listen_wss: Annotated[
        tuple[Address, ...], Doc(description="Where SIP listens by WebSocket in TLS.")
    ] = ()
    tls_certificate: Annotated[
        Path | None,
        Doc(description="PEM file with the certificate chain; without it one is made in the folder."),
    ] = None
    tls_key: Annotated[Path | None, Doc(description="PEM file with the certificate's key.")] = None
    connections: Annotated[
        int, Doc(ge=1, description="Connections at once, by TCP, TLS and WebSocket together.")
    ] = 10_000
    connections_per_address: Annotated[
        int, Doc(ge=1, description="Connections at once from one address (IPv6: from one /64).")
    ] = 256
    domain: Annotated[str, Doc(description="SIP domain and digest realm of all lines.")] = (
        "sip.sunsim.localhost"
    )
    external_address: Annotated[
        Annotated[str, Doc(pattern=_HOST, extra={"expected": "a host or an address"})] | None,
        Doc(description="Address put into Via and Contact; default: the listening one."),
    ] = None
    digest: Annotated[
        tuple[Literal["MD5", "SHA-256"], ...],
        Doc(min_length=1, description="Digest algorithms of lines, in the order of the challenges."),
    ] = ("MD5", "SHA-256")
    trace_megabytes: Annotated[
        int,
        Doc(ge=0, le=1024, description="Memory for the last SIP messages (`sunsim sip`); 0: none."),
    ] = 16
    keys_in_clear: Annotated[
        bool,
        Doc(description="Tell phones keys of audio (SDES) without TLS, too; others may read them."),
    ] = False
    drain_seconds: Annotated[
        int, Doc(ge=0, le=86_400, description="After SIGTERM calls may go on for so long; 0: they end.")
    ] = 20
    overload_milliseconds: Annotated[
        int,
        Doc(ge=50, description="New calls get 503 while the loop is so late; registrations later."),
    ] = 300
    max_calls: Annotated[int, Doc(ge=1, description="Calls at once before 503.")] = 2000
    rate_per_address: Annotated[
        int, Doc(ge=1, description="Requests a second from one address; four times as many at once.")
    ] = 100
    rate_per_tenant: Annotated[
        int, Doc(ge=1, description="New calls a second of one company; registrations: four times that.")
    ] = 50
    calls_per_tenant: Annotated[int, Doc(ge=1, description="Calls at once of one company.")] = 500
    outgoing_calls: Annotated[int, Doc(ge=0, description="Outgoing calls at once per tenant.")] = 10
    outgoing_seconds: Annotated[int, Doc(ge=1, description="Longest outgoing call, in seconds.")] = 7200
    session_expires: Annotated[
        int, Doc(ge=4, le=86400, description="Seconds after which a silent party of a call is gone.")
    ] = 1800
    min_se: Annotated[
        int, Doc(ge=4, le=86400, description="Fewest such seconds that a party may want; RFC 4028: 90.")
    ] = 90


class MediaSettings(Struct, frozen=True):
    """Audio."""

    rtpengine: Annotated[
        tuple[Address, ...],
        Doc(description="ng addresses of rtpengines; without any a child process is supervised."),
    ] = ()
    interface: Annotated[
        tuple[str, ...],
        Doc(min_length=1, description="Addresses of the child's RTP ports: IPv4, IPv6 or one of each."),
    ] = ("127.0.0.1",)
    port_min: Annotated[int, Doc(ge=1024, le=65000, description="First RTP port.")] = 30000
    port_max: Annotated[int, Doc(ge=1024, le=65535, description="Last RTP port.")] = 39999
    silence_seconds: Annotated[
        int,
        Doc(ge=0, description="Seconds without audio until a phone is asked if it is there; 0: never."),
    ] = 60
    dtmf_listen: Annotated[
        Address | None,
        Doc(description="Where rtpengines of a pool report keys (their --dtmf-log-dest), by UDP."),
    ] = None
    redis: Annotated[
        Annotated[
            str,
            Doc(
                pattern=r"^(.+@)?([\w.-]+|\[[0-9A-Fa-f:]+\]):\d{1,5}/\d{1,3}$",
                extra={"expected": "[PASSWORD@]HOST:PORT/DB"},
            ),
        ]
        | None,
        Doc(description="Redis as [PASSWORD@]HOST:PORT/DB; with it the child's calls outlive it."),
    ] = None


class RecordingSettings(Struct, frozen=True):
    """Recorded conversations and voice messages."""

    dir: Annotated[
        Path | None,
        Doc(description="Folder where the rtpengines of a pool record (their --recording-dir)."),
    ] = None
    days: Annotated[
        int, Doc(ge=0, description="Days that recordings are kept if a company sets none; 0: for ever.")
    ] = 365
    megabytes: Annotated[
        int, Doc(ge=1, description="Megabytes of recordings of a company; then none begins.")
    ] = 20_000
    free_megabytes: Annotated[
        int, Doc(ge=0, description="Free megabytes on the disk below which nothing is recorded.")
    ] = 500
    at_once: Annotated[
        int,
        Doc(
            ge=0,
            description="Recordings of a company that a worker makes into sound at once; 0: as cores.",
        ),
    ] = 0
    failed_days: Annotated[
        int, Doc(ge=0, description="Days that what could not be made into sound is kept as received.")
    ] = 7


class MailSettings(Struct, frozen=True):
    """Outgoing mail."""

    smtp: Annotated[Address | None, Doc(description="SMTP server; without it no mail is sent.")] = None
    sender: Annotated[str, Doc(description="From address.")] = "sunsim@localhost"


class NumberingSettings(Struct, frozen=True):
    """The registry of the numbering plan, for `sunsim numbering update`."""

    urls: Annotated[
        tuple[Annotated[str, Doc(pattern=r"^https://\S", extra={"expected": "an https URL"})], ...],
        Doc(description="Addresses of the registry's CSV files; `sunsim numbering update` reads them."),
    ] = ()
    ca: Annotated[
        Path | None,
        Doc(description="PEM file with authorities to trust there, besides those of the system."),
    ] = None
    megabytes: Annotated[
        int, Doc(ge=1, le=1024, description="Largest file of the registry that is read.")
    ] = 64


class LogSettings(Struct, frozen=True):
    """Logs."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Doc(description="debug, info, warning or error.")
    ] = "info"
    json: Annotated[bool, Doc(description="One JSON object a line instead of text.")] = False


class Settings(Struct, frozen=True):
    """Everything that can be set."""

    data: DataSettings = DataSettings()
    http: HttpSettings = HttpSettings()
    sip: SipSettings = SipSettings()
    media: MediaSettings = MediaSettings()
    recording: RecordingSettings = RecordingSettings()
    mail: MailSettings = MailSettings()
    numbering: NumberingSettings = NumberingSettings()
    log: LogSettings = LogSettings()


def load(environ: Mapping[str, str] | None = None, **overrides: Mapping[str, Any]) -> Settings:
    """Settings from the environment; ``overrides`` (from command-line options) win.

    Raises SettingError naming the variable and what is wrong with it.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, dict[str, Any]] = {field.name: {} for field in _concerns()}
    known = {name: (concern, field) for name, concern, field, _ in _fields()}
    for name in sorted(n for n in environ if n.startswith(PREFIX)):
        if name not in known:
            raise SettingError(name=name, problem="there is no such setting")
        if not environ[name].strip():
            continue
        concern, field = known[name]
        values[concern.name][field.name] = _convert(name, environ[name], field.type)
    for concern_name, given in overrides.items():
        values[concern_name].update({k: v for k, v in given.items() if v is not None})
    settings = Settings(
        **{concern.name: concern.type(**values[concern.name]) for concern in _concerns()}
    )
    _check_addresses(settings)
    if settings.media.port_min >= settings.media.port_max:
        raise SettingError(name="SUNSIM_MEDIA_PORT_MAX", problem="must be above the first RTP port")
    if (settings.sip.tls_certificate is None) != (settings.sip.tls_key is None):
        raise SettingError(name="SUNSIM_SIP_TLS_KEY", problem="goes with SUNSIM_SIP_TLS_CERTIFICATE")
    return settings


def names() -> dict[str, str]:
    """Every variable with its meaning, for the documentation and its test."""
    return {name: description for name, _, _, description in _fields()}


def _concerns() -> tuple[msgspec.structs.FieldInfo, ...]:
    return msgspec.structs.fields(Settings)


def _fields() -> Iterator[tuple[str, msgspec.structs.FieldInfo, msgspec.structs.FieldInfo, str]]:
    for concern in _concerns():
        for field in msgspec.structs.fields(concern.type):
            meta = getattr(field.type, "__metadata__", (Doc(),))[0]
            name = f"{PREFIX}{concern.name}_{field.name}".upper()
            yield name, concern, field, meta.description or ""


def _convert(name: str, text: str, kind: Any) -> Any:
    value: Any = text
    if "tuple" in str(kind):
        value = tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        return msgspec.convert(value, kind, strict=False, dec_hook=_decode)
    except (msgspec.ValidationError, ValueError) as error:
        raise SettingError(name=name, problem=_problem(kind, error)) from None


def _check_addresses(settings: Settings) -> None:
    """An interface is an address, ``LOCAL!ADVERTISED`` behind NAT; whom we trust is a network."""
    lists: dict[str, tuple[Iterable[str], Callable[[str], object]]] = {
        "SUNSIM_MEDIA_INTERFACE": ("!".join(settings.media.interface).split("!"), ip_address),
        "SUNSIM_HTTP_TRUSTED_PROXIES": (settings.http.trusted_proxies, _network),
        "SUNSIM_HTTP_METRICS_FROM": (settings.http.metrics_from, _network),
    }
    for name, (texts, read) in lists.items():
        for text in texts:
            try:
                read(text)
            except ValueError as error:
                raise SettingError(name=name, problem=str(error)) from None


def _network(text: str) -> object:
    return ip_network(text, strict=False)


def _problem(kind: Any, error: Exception) -> str:
    """What is wrong, without the value, which may be a secret, where it cannot be said in a word."""
    if not isinstance(error, msgspec.ValidationError):
        return str(error)
    for part in (kind, *get_args(kind), *(inner for arg in get_args(kind) for inner in get_args(arg))):
        if get_origin(part) is Literal:
            return f"expected {' or '.join(get_args(part))}"
        for meta in getattr(part, "__metadata__", ()):
            if meta.extra:
                return f"expected {meta.extra['expected']}"
    return str(error).partition(" - at ")[0].replace("`", "")


def _decode(kind: type, value: Any) -> Any:
    if kind is Path:
        return Path(value)
    if kind is Address:
        return Address.parse(value)
    raise TypeError(f"{kind.__name__} cannot be read from text")
