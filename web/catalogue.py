"""The msgids of pages and services, gathered from the sources; and the Russian catalogue held to them.

``python -m web.catalogue`` adds what is missing to the catalogue, untranslated, and removes what no
source says any more. A test fails for a msgid without translation. Gathered are ``_()`` and ``n_()``
of templates, ``N_()``, ``text()``, ``counted()`` and ``gettext()`` of modules, the first lines of our
error classes, the sentences that services raise and what the API says of its operations.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from core import errors
from core.library import CATALOGUE
from web.api.schema import parted

__all__ = ["RUSSIAN", "Msgid", "gathered", "russian", "untranslated"]

ROOT = Path(__file__).resolve().parent.parent
RUSSIAN = ROOT / "web" / "locale" / "ru" / "LC_MESSAGES" / "messages.po"

Msgid = str | tuple[str, str]

_WORDED = ("words", "trace", "explain", "ways", "checktext")
_KEYWORDS = {"_": None, "N_": None, "text": None, "gettext": None, "counted": (1, 2), "n_": (1, 2)}
_IDLE = tuple(
    f'"{name}'
    for name in ("Report", "POT-", "PO-Rev", "Last-", "Language-Team", "Generated", "Project")
)
"""Lines of the header that say nothing here, or another thing on each day."""
_SENTENCE = re.compile(r"[A-Z][^\n]* [^\n]*[.]")


def gathered() -> dict[Msgid, str]:
    """Every msgid with the file that says it first, in a stable order."""
    found: dict[Msgid, str] = {}
    for path, msgid in _all():
        found.setdefault(msgid, path.relative_to(ROOT).as_posix())
    return found


def russian() -> Catalog:
    """The catalogue as it stands in the sources."""
    with RUSSIAN.open("rb") as source:
        return read_po(source, locale="ru")


def _all() -> Iterator[tuple[Path, Msgid]]:
    yield from _marked()
    for name in errors.__all__:
        if line := (getattr(errors, name).__doc__ or "").strip().splitlines()[0]:
            yield ROOT / "core" / "errors.py", line
    services = sorted((ROOT / "tenants" / "services").glob("*.py"))
    for path in services:
        for sentence in _sentences(ast.parse(path.read_text())):
            yield path, sentence
    for path in [ROOT / "core" / "media" / "clip.py", *services]:
        for sentence in _documented_errors(ast.parse(path.read_text()), *errors.__all__):
            yield path, sentence
    for ready in CATALOGUE:
        yield ROOT / "core" / "library.py", ready.title
    operations = sorted((ROOT / "web" / "api").glob("*.py"))
    for path in [ROOT / "web" / "errors.py", *operations]:
        for sentence in _documented_errors(ast.parse(path.read_text())):
            yield path, sentence
    for path in operations:
        for sentence in _documented_operations(ast.parse(path.read_text())):
            yield path, sentence


def _marked() -> Iterator[tuple[Path, Msgid]]:
    """What templates and modules mark for translation."""
    for path in sorted((ROOT / "web" / "templates").rglob("*.html")):
        with path.open("rb") as source:
            for _, _, message, _ in babel_extract(source, list(_KEYWORDS), (), {"silent": "no"}):
                if msgid := _msgid(message):
                    yield path, msgid
    worded = (ROOT / "tenants" / f"{name}.py" for name in _WORDED)
    for path in [*sorted((ROOT / "web").rglob("*.py")), *filter(Path.exists, worded)]:
        if path == Path(__file__):
            continue
        with path.open("rb") as source:
            for _, _, message, _ in extract_python(source, list(_KEYWORDS), (), {}):
                if msgid := _msgid(message):
                    yield path, msgid


def _msgid(message: str | tuple[str | None, ...] | list[str] | None) -> Msgid | None:
    if isinstance(message, str):
        return message or None
    texts = [text for text in message or () if isinstance(text, str)]
    if len(texts) >= 2:
        return texts[0], texts[1]
    return texts[0] if texts else None


def _sentences(tree: ast.AST) -> Iterator[str]:
    """Texts that are a sentence to a person; no docstrings."""
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Constant) else None
        if isinstance(value, str) and id(node) not in documentation and _SENTENCE.fullmatch(value):
            yield value


def _documented_errors(tree: ast.AST, *families: str) -> Iterator[str]:
    """The first lines of error classes of these families, or of none: their messages."""
    families = families or ("SunSimError",)
    for node in ast.walk(tree):
        bases = node.bases if isinstance(node, ast.ClassDef) else ()
        if any(isinstance(base, ast.Name) and base.id in families for base in bases):
            yield (ast.get_docstring(node) or "").splitlines()[0]


def _documented_operations(tree: ast.AST) -> Iterator[str]:
    """What the API's description says of each operation."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name.endswith("Controller"):
            for method in node.body:
                if isinstance(method, ast.AsyncFunctionDef):
                    yield from filter(None, parted(ast.get_docstring(method) or ""))


def untranslated(catalogue: Catalog) -> list[Msgid]:
    """The msgids of a catalogue that still lack a translation, or one of its plural forms."""
    return [
        message.id
        for message in catalogue
        if message.id and not (message.string and all(message.string))
    ]


def _renew() -> None:
    old = russian() if RUSSIAN.exists() else Catalog(locale="ru")
    new = Catalog(locale="ru", project="SunSim", charset="utf-8", fuzzy=False)
    new.header_comment = "# The Russian words of the cabinet."
    for msgid, path in gathered().items():
        known = old.get(msgid if isinstance(msgid, str) else msgid[0])
        new.add(msgid, known.string if known else None, locations=[(path, None)])
    text = io.BytesIO()
    write_po(text, new, width=100)
    kept = [line for line in text.getvalue().decode().splitlines() if not line.startswith(_IDLE)]
    RUSSIAN.write_text("\n".join(kept) + "\n")
    print(f"{len(new)} messages, {len(untranslated(new))} without translation")  # noqa: T201


if __name__ == "__main__":
    _renew()
