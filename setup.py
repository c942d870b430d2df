"""The compiled extensions; everything else about the package is in pyproject.toml.

Set ``SUNSIM_CYTHON_DEBUG=1`` for annotated C, line tracing and assertions.
"""

import os

from Cython.Build import cythonize
from setuptools import Extension, setup

debug = os.environ.get("SUNSIM_CYTHON_DEBUG") == "1"
flags = ["-O0", "-g"] if debug else ["-O2", "-fno-plt"]

setup(
    ext_modules=cythonize(
        [
            Extension("core._fastroute", ["core/_fastroute.pyx"], extra_compile_args=flags),
            Extension("core.sip._wire", ["core/sip/_wire.pyx"], extra_compile_args=flags),
        ],
        annotate=debug,
        compiler_directives={"language_level": 3, "embedsignature": True, "linetrace": debug},
    )
)
