"""The compiled extensions; everything else about the package is in pyproject.toml.

``SUNSIM_CYTHON_DEBUG=1`` gives annotated C, line tracing and assertions;
``SUNSIM_SKIP_EXTENSIONS=1`` leaves the compiling to ``make ext``.
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

debug = os.environ.get("SUNSIM_CYTHON_DEBUG") == "1"
flags = ["-O0", "-g"] if debug else ["-O2", "-fno-plt"]


def extensions() -> list[Extension]:
    """One extension for each .pyx file under core/, named by its path."""
    if os.environ.get("SUNSIM_SKIP_EXTENSIONS") == "1":
        return []
    sources = sorted(Path("core").rglob("*.pyx"))
    return [
        Extension(".".join(source.with_suffix("").parts), [str(source)], extra_compile_args=flags)
        for source in sources
    ]


setup(
    ext_modules=cythonize(
        extensions(),
        annotate=debug,
        compiler_directives={"language_level": 3, "embedsignature": True, "linetrace": debug},
    )
)
