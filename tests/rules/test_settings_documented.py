"""Every setting is described where the operator looks, and nothing else is."""

import re
from pathlib import Path

from core.settings import names

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def test_the_table_lists_every_setting_with_its_meaning():
    text = OPERATIONS.read_text()
    rows = dict(re.findall(r"^\| `(SUNSIM_\w+)` \|[^|]*\| (.*?) \|$", text, re.MULTILINE))
    assert rows == names()
