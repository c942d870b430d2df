"""An event loop whose time passes only while nobody has anything to do: waiting costs nothing."""

import asyncio
import selectors


class _PatientSelector(selectors.DefaultSelector):
    loop: "VirtualTimeLoop"

    def select(self, timeout=None):
        events = super().select(0)
        if not events and timeout:
            self.loop.passed += timeout
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """``passed`` seconds of virtual time since the loop was made."""

    def __init__(self):
        selector = _PatientSelector()
        selector.loop = self
        self.passed = 0.0
        super().__init__(selector)

    def time(self):
        return self.passed


def run(coroutine):
    """Run a coroutine to its end in virtual time; a test that would wait for ever fails."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:

        async def bounded():
            async with asyncio.timeout(100_000):
                return await coroutine

        return runner.run(bounded())
