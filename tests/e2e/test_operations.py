"""What the operator does to calls while they go on."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from base64 import b64decode

import httpx
import pytest

from core.contracts import Outcome
from tenants.services import tokens
from tenants.services.tokens import CreateToken
from tests.rules.test_metrics import documented
from tests.support.sipp import Script
from tests.unit.sip.test_pcap import read


def answering():
    """A phone that answers and waits for the end."""
    script = Script().wait_for("INVITE").answer(180, "Ringing")
    return script.answer(200, "OK", body=True, retrans=True).wait_for("ACK").wait_for("BYE").ok()


def calling(company):
    """A caller who is answered and waits for the end."""
    script = company.caller().invite(company.number).expect(180).expect(200).ack()
    return script.wait_for("BYE").ok()


def talking(company):
    """A caller in the middle of a call."""
    return calling(company).running(company.instance.sip, company.carrier_host)


async def present(company):
    """The one call of the company, as soon as both sides talk."""
    while True:
        found = json.loads(company.instance.cli("calls", "list", "--tenant", str(company.id), "--json"))
        if found and found[0]["state"] == "talking":
            return found[0]


async def test_a_call_is_listed_and_hung_up_from_the_shell(company):
    async with company.phone(company.admin.sip, answering()) as phone, talking(company) as caller:
        call = await present(company)
        assert (call["direction"], call["caller"], call["called"]) == (
            "incoming",
            "+79160000001",
            company.number,
        )
        assert (call["legs"], call["parties"]) == (2, ["Анна Смирнова"])
        group = call["call_id"][24:]
        assert group in company.instance.cli("calls", "list")
        assert "is ended" in company.instance.cli("calls", "hangup", group)
        await caller.finish()
        await phone.finish()
    card = await company.call()
    assert (str(card.call.id), card.call.outcome) == (call["call_id"], Outcome.ANSWERED)
    assert card.ended_by == "system"
    assert card.trace[-1].text == "The call was hung up by operator"
    assert "no call" in company.instance.cli("calls", "hangup", group, status=3)


async def test_a_program_hangs_up_a_call_of_its_company(company):
    made = await tokens.create(company.db, company.here, CreateToken("dispatcher"))
    headers = {"Authorization": f"Bearer {made.token}"}
    url = f"{company.instance.http}/api/v1/calls/present"
    async with company.phone(company.admin.sip, answering()) as phone, talking(company) as caller:
        call = await present(company)
        async with httpx.AsyncClient(headers=headers, timeout=30) as client:
            (item,) = (await client.get(url)).json()["items"]
            assert item["call_id"] == call["call_id"]
            answer = await client.delete(f"{url}/{call['call_id']}")
            assert answer.status_code == 204, answer.text
            await caller.finish()
            await phone.finish()
            while (answer := await client.delete(f"{url}/{call['call_id']}")).status_code != 404:
                assert answer.status_code == 503  # it is on the board for another moment
    assert (await company.call()).trace[-1].text == "The call was hung up by dispatcher"


@pytest.mark.parametrize("words", [(), ("x", "--all")])
def test_what_is_to_be_hung_up_must_be_said(instance, words):
    assert "Name one call, or --all." in instance.cli("calls", "hangup", *words, status=2)


async def test_a_call_is_drawn_and_captured(company, tmp_path):
    """One call from a line: both legs in one ladder and one file, without the digest."""
    line, instance = company.admin.sip, company.instance
    anna = company.dialler(line, "102").expect(180).expect(200).ack().bye().expect(200)
    boris = await company.hire("Борис", "102")
    async with company.phone(boris.sip, answering()) as phone:
        await anna.run(instance.sip)
        await phone.finish()
    call_id = str((await company.call()).call.id)
    drawn = instance.cli("sip", "trace", "--call", call_id[24:]).splitlines()
    assert drawn[0] == f"Call {call_id} of tenant {company.id}"
    assert drawn[1].count("UDP 127.0.0.1:") == 2
    assert sum("-- INVITE" in row for row in drawn) >= 2
    assert any("180 Ringing, INVITE 1" in row for row in drawn)
    assert any("SDP audio 127.0.0.1:" in row and "PCMA" in row for row in drawn)

    whole = instance.cli("sip", "trace", "--call", call_id, "--full")
    answer = re.search(r'Authorization: Digest .*response="([^"]+)"', whole)
    assert set(answer[1]) == {"x"}
    told = json.loads(instance.cli("sip", "trace", "--call", call_id, "--json"))
    assert {each["tenant_id"] for each in told} == {str(company.id)}
    assert len({each["sip_call_id"] for each in told}) == 2
    registered = json.loads(instance.cli("sip", "trace", "--registrations", "--last", "99", "--json"))
    owners = {each["tenant_id"] for each in registered if b"REGISTER\r\n" in b64decode(each["data"])}
    assert str(company.id) in owners

    file = tmp_path / "call.pcap"
    words = ("sip", "capture", "--out", str(file), "--call", call_id, "--json")
    written = json.loads(instance.cli(*words))
    assert written == {
        "file": str(file),
        "messages": len(told),
        "bytes": file.stat().st_size,
    }
    assert file.stat().st_mode & 0o777 == 0o600
    packets = read(file.read_bytes())
    ours = f"{instance.sip[0]}:{instance.sip[1]}"
    assert all(ours in packet[1:3] for packet in packets)
    assert [packet[4] for packet in packets] == [b64decode(each["data"]) for each in told]


async def test_a_capture_goes_on_for_a_while_and_is_bounded(company, tmp_path):
    instance, file = company.instance, tmp_path / "live.pcap"
    words = [sys.executable, "-m", "cli", "--data-dir", str(instance.folder), "sip", "capture"]
    words += ["--out", str(file), "--host", company.carrier_host, "--seconds", "3600"]
    with subprocess.Popen(words, env=instance.environ, stdout=subprocess.PIPE) as process:
        try:
            async with asyncio.timeout(60):
                while not (file.exists() and file.stat().st_size):
                    await asyncio.sleep(0.05)
                while file.stat().st_size < 1000:  # the first ones may come before it listens
                    await company.dial_in(
                        company.caller().invite("+74990000000").expect(404).ack_refusal()
                    )
            process.send_signal(signal.SIGINT)
            assert b"messages" in process.communicate(timeout=30)[0]
        finally:
            process.kill()
    assert {packet[1].rpartition(":")[0] for packet in read(file.read_bytes())} >= {
        company.carrier_host
    }


def test_traces_are_for_the_owner_of_the_folder_only(instance, tmp_path):
    sock = instance.folder / "sip.sock"
    assert sock.stat().st_mode & 0o777 == 0o600
    other = [sys.executable, "-m", "cli", "--data-dir", str(tmp_path), "sip", "trace"]
    done = subprocess.run(other, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "does not run in" in done.stderr) == (6, True)
    assert "No message of call" in instance.cli("sip", "trace", "--call", "nothing", status=3)


async def test_what_is_measured_is_what_the_document_says(company):
    async with company.phone(company.admin.sip, answering()) as phone, talking(company) as caller:
        call = await present(company)
        roles = {name: said["http"] for name, said in company.instance.endpoints["roles"].items()}
        text = "".join(
            httpx.get(f"http://{roles[r]}/metrics", timeout=30).text for r in ("sip", "worker")
        )
        now = company.instance.metrics()
        company.instance.cli("calls", "hangup", call["call_id"])
        await caller.finish()
        await phone.finish()
    shown = dict(re.findall(r"^# TYPE (sunsim_\w+)(?<!_created) (\w+)$", text, re.MULTILINE))
    assert shown == {name: kind for name, (kind, _) in documented().items()}
    for name, (_, label) in documented().items():
        assert set(re.findall(rf"^{name}\{{(\w+)=", text, re.MULTILINE)) <= {label}
    assert now["sunsim_calls"] >= 1
    assert now["sunsim_sip_dialogs"] >= 2
    assert now['sunsim_sip_registrations{transport="UDP"}'] >= 1
    assert now["sunsim_call_setup_seconds_count"] >= 1
    health = httpx.get(f"http://{roles['sip']}/health/ready", timeout=30).json()
    assert health["parts"].keys() == {"database", "media", "trunks", "accepting"}
    assert health["carriers"][company.carrier] == "up"
