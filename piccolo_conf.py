"""Piccolo's configuration: the one engine, and the apps whose tables and migrations there are."""

from piccolo.conf.apps import AppRegistry

from tenants.apps import app_modules
from tenants.engine import ENGINE as DB

__all__ = ["APP_REGISTRY", "DB"]

APP_REGISTRY = AppRegistry(apps=app_modules())
