"""What people want by their telephones of whom they talk with: REFER and feature codes, as wishes.

Only the company's people may; who may what is asked here, the conversation carries it out in its turn.
"""

from __future__ import annotations

import structlog

from core.call.consultation import Consultation
from core.call.conversation import Conversation
from core.call.leg import Leg
from core.call.semiattended import SemiAttended
from core.call.transfer import Attended, Blind
from core.errors import SunSimError
from core.features import Feature
from core.sip.refer import Referral

__all__ = ["by_keys", "referred"]

log = structlog.get_logger(__name__)

_NO_DIALOG = 481
_FORBIDDEN = 403


def referred(talk: Conversation, leg: Leg, referral: Referral) -> None:
    """A telephone wants to pass on whom it talks with; one from outside may not."""
    surroundings = talk.state.surroundings
    if leg.employee_id is None or leg.trunk_id is not None:
        referral.decline()
    elif referral.replaces is not None:
        found = surroundings.dialog(referral.replaces)
        if found is None or found[0] is talk:
            referral.decline(_NO_DIALOG)
        elif found[1].employee_id != leg.employee_id:
            referral.decline(_FORBIDDEN)
        else:
            where, own = found
            referral.accept()
            if isinstance(where, Conversation):
                there = own, where.other(own)
                talk.want(Attended((leg, talk.other(leg)), where, there, referral))
            else:
                talk.want(SemiAttended(leg, talk.other(leg), where, own, referral))
    else:
        try:
            step = surroundings.transfer(leg.ring, referral.target)
        except SunSimError as error:
            referral.decline(error.sip_status)
            return
        referral.accept()
        talk.want(Blind(leg, talk.other(leg), step, referral))


def by_keys(talk: Conversation, leg: Leg, feature: Feature, number: str) -> None:
    """Somebody pressed a code and the number of whom he passes the other one on to, or asks first."""
    try:
        step = talk.state.surroundings.transfer(leg.ring, number)
    except SunSimError as error:
        log.info("call.transfer_refused", code=error.code)
        return
    wish = Consultation if feature is Feature.CONSULT else Blind
    talk.want(wish(leg, talk.other(leg), step))
