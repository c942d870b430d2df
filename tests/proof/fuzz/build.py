"""The tree that is fuzzed: ours with a wire layer compiled by clang for coverage and sanitizers."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[3]
CLANG = next((found for name in ("clang", "clang-14") if (found := shutil.which(name))), None)
CHECKS = (
    "-fsanitize=address,undefined,fuzzer-no-link",
    # Cython itself adds nothing to no address where a call has no arguments.
    "-fno-sanitize=pointer-overflow",
    "-fno-sanitize-recover=undefined",
)
RUNTIME = Path(atheris.path()) / "asan_with_fuzzer.so"
"""The sanitizers' runtime and the fuzzer, to be loaded before everything else."""


def build(folder: Path) -> Path:
    """Make the tree below ``folder``; returns what to put before our own on the path."""
    tree = folder / "tree"
    shutil.copytree(ROOT / "core", tree / "core", ignore=shutil.ignore_patterns("_wire.*.so", "*.c"))
    wire = tree / "core" / "sip" / "_wire"
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    include = sysconfig.get_path("include")
    for command in (
        (sys.executable, "-m", "cython", "-3", "-X", "embedsignature=True", f"{wire}.pyx"),
        (
            CLANG,
            "-c",
            "-fPIC",
            "-O1",
            "-g",
            "-w",
            *CHECKS,
            f"-I{include}",
            f"{wire}.c",
            "-o",
            f"{wire}.o",
        ),
        # gcc, as clang would want its own runtime here.
        ("gcc", "-shared", f"{wire}.o", "-o", f"{wire}{suffix}"),
    ):
        subprocess.run(command, cwd=tree, check=True)
    return tree


def environment(tree: Path) -> dict[str, str]:
    """For a process that fuzzes this tree."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(tree), str(ROOT))),
        "LD_PRELOAD": str(RUNTIME),
        "ASAN_OPTIONS": "detect_leaks=0:quarantine_size_mb=16",
    }
