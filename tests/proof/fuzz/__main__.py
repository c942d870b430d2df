"""Fuzz one target, guided by coverage: ``python -m tests.proof.fuzz TARGET [options of libFuzzer]``.

Started by test_fuzz.py with the sanitizers' runtime preloaded and a wire layer that was compiled for
it; by hand it works without either, with the coverage of the Python code alone.
"""

import sys

import atheris

with atheris.instrument_imports(include=["core.sip", "core.sdp", "wsproto"]):
    from tests.proof.fuzz.targets import TARGETS


def main() -> None:
    """Run until an option of libFuzzer, or a finding, ends it."""
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()


main()
