"""A carrier by TLS, both ways: baresip with a certificate that this machine trusts."""

import re

import pytest

from core.contracts import Direction, Outcome
from core.sip.certificate import self_signed
from tests.support.baresip import baresip
from tests.support.instance import company_in, own_instance
from tests.support.sipp import Script

pytestmark = pytest.mark.proof

CLIENT = "+79161112233"


async def test_calls_go_to_a_carrier_by_tls_and_come_from_it(tmp_path):
    certificate, key = self_signed(tmp_path, ["127.0.0.1"])
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    environ = {"SSL_CERT_FILE": str(certificate), "SUNSIM_SIP_LISTEN_TLS": "127.0.0.1:0"}
    with own_instance("tls-carrier", environ=environ) as instance:
        more = f"sip_certificate {both}\nsip_cafile {instance.folder}/sip-tls.crt"
        server = instance.sip_by("tls")
        async with (
            company_in(instance) as company,
            baresip(CLIENT, "x", "carrier.example", server, by="tls", more=more) as carrier,
        ):
            port = int(re.search(r"sip_listen \S+:(\d+)", (carrier.folder / "config").read_text())[1])
            async with company.db.directory() as session:
                await session.execute(
                    "UPDATE trunks SET host = $2, port = $3, transport = 'tls', networks = $4"
                    " WHERE host = $1",
                    *(company.carrier_host, "127.0.0.1", port + 1, ["127.0.0.1/32"]),
                )
            await company.settled()
            dialled = company.dialler(company.admin.sip, CLIENT)
            await dialled.expect(200).ack().pause(200).bye().expect(200).run(instance.sip)
            out = (await company.call()).call
            script = Script().wait_for("INVITE").answer(180, "Ringing").answer(200, "OK", body=True)
            script.wait_for("ACK").wait_for("BYE").ok()
            async with company.phone(company.admin.sip, script) as phone:
                host, tls = server
                await carrier.command("dial", f"sip:{company.numbers[0]}@{host}:{tls};transport=tls")
                await phone.wait_for_text(r"^ACK ")
                await carrier.command("hangup")
                await phone.finish()
            await company.recorded(2)
            into = (await company.call()).call
    assert (out.direction, out.outcome) == (Direction.OUTGOING, Outcome.ANSWERED)
    assert (into.direction, into.outcome) == (Direction.INCOMING, Outcome.ANSWERED)
    assert into.caller == CLIENT
