"""SIPVicious, the tool that most scanners are made of, finds nothing: no server, no line, no password.

Its ``--enablecompact`` leaves out the User-Agent, so that it is not known by its name.
"""

import asyncio
import sys
from pathlib import Path

import pytest


async def tool(name, company, *options, seconds=60):
    """Run one; what it prints."""
    host, port = company.instance.sip
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name(f"sipvicious_{name}")),
        *("-p", str(port), "-v", *options, host),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(seconds):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return printed.decode()


def counted(company, name):
    return company.instance.metrics().get(f"sunsim_sip_{name}", 0)


LONG = pytest.mark.proof
"""The tools wait long for answers."""


@pytest.mark.parametrize(
    "options",
    [pytest.param([], id="by name", marks=LONG), pytest.param(["-c"], id="without a name")],
)
async def test_scan_unknown_domain_is_silent(company, options):
    causes = [f'dropped_total{{cause="{cause}"}}' for cause in ("unknown_domain", "scanner")]
    before = sum(counted(company, cause) for cause in causes)
    printed = await tool("svmap", company, "-t", "0.5", *options)
    assert "found nothing" in printed, printed
    assert sum(counted(company, cause) for cause in causes) > before, "it was here"


@pytest.mark.parametrize(
    "method", ["REGISTER", pytest.param("INVITE", marks=LONG), pytest.param("OPTIONS", marks=LONG)]
)
async def test_svwar_cannot_enumerate(company, tmp_path, method):
    own = [line.login for line in company.admin.lines.values()]
    names = [*own, "0050000001", "0050000002", "0050000003", "100", "admin", "root"]
    file = tmp_path / "names"
    file.write_text("\n".join(names) + "\n")
    options = ["-c", "-m", method, "--domain", company.domain, "-d", str(file), "-t", "0.2", "--force"]
    before = counted(company, f'requests_total{{method="{method}"}}')
    printed = await tool("svwar", company, *options, "--maximumtime", "3")
    # One for a name that cannot be, and at least one more; it may give up when both look alike.
    assert counted(company, f'requests_total{{method="{method}"}}') >= before + 2
    assert "exists" not in printed and "weird" not in printed, printed
    assert "found nothing" in printed, printed


@LONG
async def test_svcrack_is_blocked_before_its_20th_guess(company, tmp_path):
    line = company.admin.sip
    guesses = [f"guess{number}" for number in range(600)]
    guesses[499] = line.password
    file = tmp_path / "passwords"
    file.write_text("\n".join(guesses) + "\n")
    failures, bans = counted(company, "failed_logins_total"), counted(company, "bans_total")
    options = ["-c", "-u", line.login, "-d", str(file), "--domain", company.domain]
    printed = await tool("svcrack", company, *options, "-t", "0.02", "--maximumtime", "3", seconds=120)
    assert line.password not in printed and "found nothing" in printed, printed
    assert 0 < counted(company, "failed_logins_total") - failures < 20
    assert counted(company, "bans_total") == bans + 1
    (shown,) = [row for row in company.instance.cli("sip", "bans").splitlines() if line.login in row]
    source = shown.split()[0]
    assert line.login in company.instance.cli("sip", "bans", "--lift", source)
    assert line.login not in company.instance.cli("sip", "bans")
    await company.register(line)
