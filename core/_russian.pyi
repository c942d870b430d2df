"""Russian telephone numbers in one pass over the text; ``numbers`` has the same in plain Python."""

def russian(text: str) -> str | None:
    """``+7`` and ten digits of a Russian number as people and carriers write it, or ``None``."""
