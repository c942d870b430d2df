"""What ``sunsim run`` prints when it is ready: where to look and how to make the first call."""

from __future__ import annotations

from core.contracts import TerminalKind
from core.numbers import pretty
from serve import Everything
from tenants.demo import Demo

__all__ = ["announcement"]

_KINDS = {
    TerminalKind.MOBILE: "Мобильное приложение",
    TerminalKind.SIP: "SIP-линия",
    TerminalKind.WEB: "Вебфон",
}


def announcement(everything: Everything, demo: Demo | None) -> str:
    """The text for a terminal."""
    endpoints = everything.endpoints
    http, sip = f"http://{endpoints['web']['http']}", endpoints["sip"]["sip"]
    lines = [
        "",
        "SunSim is ready. Ctrl-C stops it.",
        "",
        f"  Cabinet   {http}",
        f"  SIP       {sip} (UDP and TCP)",
    ]
    lines.append(f"  Data      {everything.settings.data.dir.resolve()}")
    if demo is not None:
        lines += _demo(demo, http, sip)
    return "\n".join([*lines, ""])


def _demo(demo: Demo, http: str, sip: str) -> list[str]:
    lines = ["", f"Demo company: {demo.company}", "", "  Log in at " + http]
    for login in demo.logins:
        password = login.password or "(changed since)"
        lines.append(f"    {login.email:<28}{password:<16}{login.name}, {login.role}")
    lines += ["", f"  SIP accounts, domain {demo.domain}, outbound proxy {sip}"]
    for line in demo.lines:
        if line.kind is TerminalKind.SIP:
            lines.append(
                f"    {line.login:<14}{line.password:<28}{line.employee}, ext. {line.extension}"
            )
    numbers = ", ".join(pretty(number) for number in demo.numbers)
    host, port = demo.carrier
    lines += [
        "",
        f"  Numbers: {numbers}",
        "  To call one, play the carrier: give any softphone on this machine an account",
        f"  carrier@{sip} without registration and password, and call {demo.numbers[0]}@{sip}.",
        f"  Calls to the outside go to {host}:{port}. No phone at hand? Run `make demo`.",
    ]
    return lines
