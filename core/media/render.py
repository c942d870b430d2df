"""Has recordings made into sound, in a process of bounded memory and time that comes after calls."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from core.errors import SunSimError
from core.media.mixdown import PREVENTED, SOUND, Job, Result
from core.supervisor import die_with_parent

__all__ = ["LONGEST", "NotRendered", "RenderingPrevented", "TooSlow", "render"]

LONGEST = 600.0
"""Seconds that the making of one recording may take."""

# Bytes of memory, seconds of CPU and bytes of a file of each process; open files.
_LIMITS = ("--as=3000000000", "--cpu=600", "--fsize=2000000000", "--nofile=64")
_BOUNDED = ("nice", "-n", "10", "prlimit", *_LIMITS)

_NOT_DONE = (PREVENTED, 125, 126, 127)  # the last ones: ``nice`` found no ``prlimit``


class NotRendered(SunSimError):
    """The recording cannot be made into sound ({problem})."""

    code = "not_rendered"
    http_status = 422


class TooSlow(NotRendered):
    """The making of the sound took longer than it may ({problem})."""

    code = "too_slow"


class RenderingPrevented(NotRendered):
    """The machine could not make the sound now, whatever was recorded ({problem})."""

    code = "rendering_prevented"


async def render(job: Job, folder: Path, seconds: float = LONGEST) -> Result:
    """Make ``folder / SOUND`` of what was recorded; the folder is there.

    Raises NotRendered: TooSlow, or RenderingPrevented and OSError where the machine is to blame.
    Cancelled, or when this process dies, its programs are gone, too.
    """
    order = folder / "job"
    await asyncio.to_thread(order.write_bytes, msgspec.json.encode(job))
    program = await asyncio.create_subprocess_exec(
        *_BOUNDED,
        *(sys.executable, "-m", "core.media.mixdown", str(order), str(folder)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    try:
        said, _ = await asyncio.wait_for(program.communicate(), seconds)
    except TimeoutError:
        raise TooSlow(problem="too slow") from None
    finally:
        with suppress(ProcessLookupError):  # its decoders belong to its group
            os.killpg(program.pid, signal.SIGKILL)
        await program.wait()
    if program.returncode == -signal.SIGXCPU:
        raise TooSlow(problem="too slow")
    if program.returncode in _NOT_DONE:
        raise RenderingPrevented(problem=f"status {program.returncode}")
    if program.returncode:
        raise NotRendered(problem=f"status {program.returncode}")
    try:
        result = msgspec.json.decode(said, type=Result)
    except msgspec.MsgspecError:
        raise NotRendered(problem="no result") from None
    if not await asyncio.to_thread((folder / SOUND).is_file):
        raise NotRendered(problem="no sound")
    return result
