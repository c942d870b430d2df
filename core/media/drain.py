"""Which servers of the pool get no new calls, because somebody wants to stop them: names in a file of
the media folder, written by ``sunsim media`` and read by the process that has the calls."""

from __future__ import annotations

from pathlib import Path

__all__ = ["drain", "drained"]


def drained(folder: Path) -> frozenset[str]:
    """The servers that are being emptied."""
    try:
        return frozenset((folder / "draining").read_text().split())
    except FileNotFoundError:
        return frozenset()


def drain(folder: Path, name: str, wanted: bool = True) -> None:
    """Give a server no new calls, or again some; its present calls stay where they are."""
    names = drained(folder) | {name} if wanted else drained(folder) - {name}
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / "draining.new"
    fresh.write_text("".join(f"{each}\n" for each in sorted(names)))
    fresh.replace(folder / "draining")
