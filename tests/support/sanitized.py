"""A tree of its own whose compiled modules have the address and undefined-behaviour checks of gcc: what
is read or written outside a block ends the run instead of going unnoticed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECKS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined"
_FILES = ("setup.py", "pyproject.toml", "requirements.in", "LICENSE")


def copy(folder: Path, *paths: str) -> None:
    """Files and folders of ours to the same place below ``folder``, without what was compiled."""
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).is_dir():
            ignored = shutil.ignore_patterns("*.so", "*.c", "__pycache__")
            shutil.copytree(ROOT / path, target, ignore=ignored, dirs_exist_ok=True)
        else:
            shutil.copy(ROOT / path, target)


class Sanitized:
    """The tree; what belongs into it is copied by the test, at the same place as in ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = ["gcc", "-print-file-name=libasan.so"]
        self._runtime = subprocess.run(found, capture_output=True, text=True, check=True).stdout.strip()
        if not Path(self._runtime).is_absolute():
            pytest.skip("gcc has no address sanitizer here")
        self.copy("core", *_FILES)

    def copy(self, *paths: str) -> None:
        """Files and folders of ours."""
        copy(self.folder, *paths)

    def build(self) -> None:
        """Compile the extensions where they are imported from."""
        command = [sys.executable, "setup.py", "-q", "build_ext"]
        flags = {"CFLAGS": f"{CHECKS} -g -O1", "LDFLAGS": CHECKS}
        subprocess.run(
            [*command, "--build-lib", ".", "--build-temp", "temp"],
            cwd=self.folder,
            env={**os.environ, **flags},
            check=True,
        )

    def run(self, *arguments: str, environ: Mapping[str, str] | None = None) -> None:
        """Run pytest in the tree; AssertionError with what it said if it does not pass."""
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "not proof", "--timeout", "1500", *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                "ASAN_OPTIONS": "detect_leaks=0",
                "LD_PRELOAD": self._runtime,
                "PYTHONMALLOC": "malloc",  # so that every object has a block, and edges, of its own
                "PYTHONPATH": str(self.folder),
                "SUNSIM_SANITIZED": str(self.folder),
                **(environ or {}),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
