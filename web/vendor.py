"""Put what the pages use of other people's work into ``web/static/vendor``.

Run by ``make`` after ``npm ci``: ``python -m web.vendor``. Three things are made: htmx as it is, the
subsets of Inter that Russian and English text needs with their ``@font-face`` rules, and one SVG
sprite of the icons named in ``web/icons.py``. A name that Tabler does not have stops the set-up.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from web.icons import ICONS

__all__ = ["build"]

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "web" / "static" / "vendor"
SUBSETS = ("cyrillic", "cyrillic-ext", "latin", "latin-ext")
_RULE = re.compile(r"/\* inter-([a-z-]+)-wght-normal \*/\s*(@font-face \{.*?\n\})", re.DOTALL)


def build(modules: Path, target: Path) -> None:
    """Make ``target`` anew from ``modules`` (a ``node_modules`` folder).

    Raises FileNotFoundError when a package is not installed and KeyError for an unknown icon.
    """
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(modules / "htmx.org" / "dist" / "htmx.min.js", target / "htmx.min.js")
    (target / "inter.css").write_text(_fonts(modules / "@fontsource-variable" / "inter", target))
    (target / "icons.svg").write_text(_sprite(modules / "@tabler" / "icons" / "icons" / "outline"))


def _fonts(package: Path, target: Path) -> str:
    rules = dict(_RULE.findall((package / "index.css").read_text()))
    for subset in SUBSETS:
        name = f"inter-{subset}-wght-normal.woff2"
        shutil.copyfile(package / "files" / name, target / name)
    return "\n".join(rules[subset].replace("./files/", "") for subset in SUBSETS) + "\n"


def _sprite(folder: Path) -> str:
    unknown = sorted(name for name in ICONS if not (folder / f"{name}.svg").is_file())
    if unknown:
        raise KeyError(f"no such icon: {', '.join(unknown)}")
    symbols = "\n".join(_symbol(name, (folder / f"{name}.svg").read_text()) for name in sorted(ICONS))
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'


def _symbol(name: str, svg: str) -> str:
    inner = re.sub(
        r"\s+", " ", svg[svg.index(">", svg.index("<svg")) + 1 : svg.rindex("</svg>")]
    ).strip()
    return f'<symbol id="{name}" viewBox="0 0 24 24">{inner}</symbol>'


if __name__ == "__main__":
    try:
        build(ROOT / "node_modules", TARGET)
    except (FileNotFoundError, KeyError) as error:
        sys.exit(f"web.vendor: {error}")
