"""What all tables share: time-ordered keys, and the tenant that a row belongs to."""

from __future__ import annotations

from typing import Any

from piccolo.columns import UUID
from piccolo.columns.defaults import UUID4
from piccolo.table import Table

from core.ids import new_id
from tenants.engine import ENGINE, current_session

__all__ = ["GlobalTable", "TenantTable"]


class _Keyed(Table):
    """A table with a UUIDv7 key made here; the database's own default is a fallback for raw SQL."""

    id = UUID(primary_key=True, default=UUID4(), help_text="UUIDv7.")

    def __init_subclass__(cls, **options: Any) -> None:
        # Named here rather than found through piccolo_conf, which would load every plugin.
        super().__init_subclass__(**{"db": ENGINE, **options})

    def __init__(
        self,
        _data: dict[Any, Any] | None = None,
        _ignore_missing: bool = False,
        _exists_in_db: bool = False,
        **values: Any,
    ) -> None:
        super().__init__(
            _data,
            _ignore_missing,
            _exists_in_db,
            **(values if _exists_in_db else {**self._defaults(_data or {}, values), **values}),
        )

    @classmethod
    def _defaults(cls, data: dict[Any, Any], values: dict[str, Any]) -> dict[str, Any]:
        return {} if "id" in values or cls._meta.primary_key in data else {"id": new_id()}


class GlobalTable(_Keyed):
    """A table of the installation, not of a tenant. Each is named in ``tenants.rls.GLOBAL_TABLES``."""


class TenantTable(_Keyed):
    """A table of which every row belongs to one tenant.

    ``sunsim db migrate`` puts row-level security on it. A new row belongs to the tenant of the
    session it is made in unless ``tenant_id`` is given (and the database refuses any other).
    """

    tenant_id = UUID(default=None, null=False, index=False, help_text="Whose row this is.")

    @classmethod
    def _defaults(cls, data: dict[Any, Any], values: dict[str, Any]) -> dict[str, Any]:
        defaults = super()._defaults(data, values)
        if "tenant_id" not in values and not any(column._meta.name == "tenant_id" for column in data):
            defaults["tenant_id"] = current_session().tenant_id
        return defaults
