"""What would be left if the collector of garbage never came."""

import gc
from contextlib import contextmanager


@contextmanager
def uncollected():
    """Have nothing collected meanwhile."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def circles():
    """The objects that are nobody's but each other's; they are gone afterwards."""
    before = gc.get_debug()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        return list(gc.garbage)
    finally:
        gc.garbage.clear()
        gc.set_debug(before)
