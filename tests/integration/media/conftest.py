"""A real rtpengine per test."""

from tests.support.media import media

__all__ = ["media"]
