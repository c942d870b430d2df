"""What handlers ask for by name: annotations for the dependencies that ``web.host`` provides."""

from __future__ import annotations

from litestar.di import NamedDependency

from web.context import WebContext
from web.pages import Page
from web.sessions import Visitor

__all__ = ["TheContext", "ThePage", "TheVisitor"]

TheContext = NamedDependency[WebContext]
TheVisitor = NamedDependency[Visitor]
ThePage = NamedDependency[Page]
