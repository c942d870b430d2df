"""The fuzz tests once more, on a wire layer built with the address and undefined-behaviour checks of
the compiler: a read behind the end of a message ends the run instead of going unnoticed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CHECKS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined"

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(1800),
]


def test_nothing_is_read_outside_a_message(tmp_path):
    runtime = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not Path(runtime).is_absolute():
        pytest.skip("gcc has no address sanitizer here")
    shutil.copytree(ROOT / "core", tmp_path / "core", ignore=shutil.ignore_patterns("*.so", "*.c"))
    shutil.copytree(ROOT / "tests" / "golden" / "sip", tmp_path / "tests" / "golden" / "sip")
    (tmp_path / "tests" / "unit" / "sip").mkdir(parents=True)
    for path in Path(__file__).parent.glob("test_wire_*.py"):
        shutil.copy(path, tmp_path / "tests" / "unit" / "sip")
    for name in ("setup.py", "pyproject.toml", "requirements.in", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    build = [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", ".", "--build-temp", "temp"]
    flags = {"CFLAGS": f"{CHECKS} -g -O1", "LDFLAGS": CHECKS}
    subprocess.run(build, cwd=tmp_path, env={**os.environ, **flags}, check=True)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not proof", "--timeout", "1500"],
        cwd=tmp_path,
        env={
            **os.environ,
            "ASAN_OPTIONS": "detect_leaks=0",
            "LD_PRELOAD": runtime,
            "PYTHONMALLOC": "malloc",  # so that every message has a block, and edges, of its own
            "PYTHONPATH": str(tmp_path),
            "SUNSIM_WIRE": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
