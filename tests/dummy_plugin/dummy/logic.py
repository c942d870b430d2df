"""Pure decisions."""

from __future__ import annotations

from msgspec import Struct

from sunsim import Addressee, AddresseeKind, CallFacts, Chain, Decision, Dial

BLOCKED = frozenset({"+70000000666"})
SHORTCUT = "+74950000000"


class Detour(Struct, frozen=True):
    """Settings of the step: whom to try first."""

    number: str
    seconds: int = 10


def shortcut(facts: CallFacts) -> Decision | None:
    """Calls to one number skip the scenario."""
    if facts.called != SHORTCUT:
        return None
    away = Dial((Addressee(AddresseeKind.EXTERNAL, "+79160000001"),))
    return Decision(facts.tenant_id, 1, facts.call_id, Chain((away,)), (("dummy", "shortcut"),))
