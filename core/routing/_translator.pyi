"""``translator.Translator``, compiled: the same answers, without a Python frame for each object."""

from core.contracts import Addressee, Live, PlanNode, Skipped
from core.routing import translator

class Translator(translator.Translator):
    """Knows the terminals and employees of one company by their place in the tables."""

    def state(self, live: Live) -> tuple[bytes, bytes, bytes, bytes]:
        """Registrations, calls, modes and seconds of talk, each by index."""

    def tree(self, nodes: bytes, addressees: tuple[Addressee, ...]) -> PlanNode | None:
        """Who rings."""

    def skipped(self, rows: bytes, addressees: tuple[Addressee, ...]) -> tuple[Skipped, ...]:
        """Who does not ring and why."""
