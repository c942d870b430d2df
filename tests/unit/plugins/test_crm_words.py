"""The plugin «Deals and tasks» speaks Russian, too."""

import ast
from pathlib import Path

from babel.messages.pofile import read_po

from plugins import crm
from plugins.crm import routes
from web.api.schema import parted
from web.catalogue import russian, untranslated

FOLDER = Path(crm.__file__).parent
CATALOGUE = FOLDER / "locale" / "ru" / "LC_MESSAGES" / "messages.po"


def said():
    """Everything that the plugin says to people."""
    yield from (crm.manifest.title, crm.manifest.summary)
    for path in FOLDER.rglob("*.py"):
        if path.stem == "tables" or path.parent.name == "piccolo_migrations":  # not for people
            continue
        tree = ast.parse(path.read_text())
        spoken = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            value = node.value if isinstance(node, ast.Constant) and id(node) not in spoken else ""
            if isinstance(value, str) and value[:1].isupper() and value.endswith("."):
                yield value
    for operation in routes.OPERATIONS:
        yield from filter(None, parted(operation.fn.__doc__))


def test_every_sentence_has_its_translation():
    with CATALOGUE.open("rb") as source:
        own = read_po(source, locale="ru")
    assert untranslated(own) == []
    ours = {message.id for message in russian()}
    known = {message.id for message in own if message.id}
    assert set(said()) - ours - known == set()
    assert known - set(said()) == set()
