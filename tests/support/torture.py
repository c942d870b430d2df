"""The torture messages of RFC 4475, in ``shared/rfc4475/{valid,invalid}`` beside the work tree."""

from pathlib import Path

MESSAGES = next(
    (
        parent / "shared" / "rfc4475"
        for parent in Path(__file__).parents
        if (parent / "shared" / "rfc4475").is_dir()
    ),
    None,
)
"""Their folder, or ``None`` where they are not."""

ABSENT = "the messages of RFC 4475 are not beside the work tree (../shared/rfc4475)"


def paths() -> list[Path]:
    """Every message, in a steady order; none where they are not."""
    return sorted(MESSAGES.glob("*/*.dat")) if MESSAGES else []
