"""A phone of one of our lines in virtual time: it registers, dials and answers challenges."""

from core.sip import digest
from tests.support.sip_world import DOMAIN, OFFER, PASSWORD, PHONE, SECRET, Peer

LOGIN = "0051234567"
OTHER = "0057654321"
HOME = "<sip:0051234567@192.168.1.5:5060;transport=UDP>"


class Phone(Peer):
    """Registers itself; answers the challenge."""

    def __init__(self, world, login=LOGIN, source=PHONE, password=PASSWORD):
        super().__init__(source, login, DOMAIN)
        self.world = world
        self.password = password

    def data(self, *contacts, authorization=None, expires=None, to=None, headers=(), **given):
        self.cseq += 1
        lines = [("Contact", c) for c in contacts]
        if expires is not None:
            lines.append(("Expires", str(expires)))
        if authorization:
            lines.append(("Authorization", authorization))
        to = to or f"<sip:{self.user}@{DOMAIN}>"
        return self.request("REGISTER", f"sip:{DOMAIN}", to=to, headers=[*lines, *headers], **given)

    def signed(self):
        """Authorization with a nonce of the world's for this phone's address."""
        nonce = digest.make_nonce(SECRET, self.world.clock.now(), self.source[0])
        challenge = digest.Challenge(DOMAIN, nonce, "MD5", ("auth",))
        return digest.authorize(challenge, "REGISTER", f"sip:{DOMAIN}", self.user, self.password)

    def register(self, *contacts, **given):
        """The answer to the second, signed REGISTER."""
        (challenged,) = self.world.receive(self.data(*contacts, **given), self.source)
        assert challenged.what == 401
        challenge = digest.strongest(challenged.message.headers("WWW-Authenticate"))
        value = digest.authorize(challenge, "REGISTER", f"sip:{DOMAIN}", self.user, self.password)
        (answer,) = self.world.receive(self.data(*contacts, authorization=value, **given), self.source)
        return answer


def call(peer, **given):
    peer.cseq += 1
    given.setdefault("body", OFFER)
    contact = ("Contact", f"<sip:{peer.user}@192.168.1.5:5060>")
    given["headers"] = [contact, *given.get("headers", ())]
    return peer.request("INVITE", f"sip:+74951234567@{DOMAIN}", **given)


def proof(response, login, password=PASSWORD, method="INVITE", algorithm=None, nc=1):
    """The Authorization that answers a challenge."""
    values = response.message.headers("WWW-Authenticate")
    if algorithm:
        values = [v for v in values if f"algorithm={algorithm}," in v]
    challenge = digest.strongest(values)
    uri = f"sip:+74951234567@{DOMAIN}"
    return "Authorization", digest.authorize(challenge, method, uri, login, password, nc, "c")


def challenged(world, peer, source=PHONE):
    (response,) = world.receive(call(peer), source)
    assert response.what == 401
    return response


def signed(world, peer, source=PHONE, login=None, password=PASSWORD, **given):
    response = challenged(world, peer, source)
    return world.receive(
        call(peer, headers=[proof(response, login or peer.user, password)], **given), source
    )
