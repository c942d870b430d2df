"""Cabinet accounts: one's own password and preferences, and the making of users."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
from msgspec import UNSET, Struct, UnsetType

from core.errors import FieldError, Forbidden, Invalid, NotFound
from tenants.db import Database
from tenants.secrets import hash_password, verify_password
from tenants.services import audit, sessions
from tenants.services.actor import Actor, require_operator
from tenants.services.throttle import LoginThrottle
from tenants.tables import User, UserStatus

__all__ = [
    "EMAIL_TAKEN",
    "ChangePassword",
    "Preferences",
    "add_user",
    "change_password",
    "check_password",
    "confirm",
    "reset_password",
    "set_preferences",
]

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
EMAIL_TAKEN = "This e-mail cannot be used: it has an account already."
LOCALES = ("ru", "en")
THEMES = ("auto", "light", "dark")


class ChangePassword(Struct, frozen=True):
    """A person replaces the own password."""

    old: str
    new: str


class Preferences(Struct, frozen=True):
    """How a person wants the cabinet; what is left out stays."""

    locale: str | UnsetType = UNSET
    theme: str | UnsetType = UNSET


def check_password(password: str, *personal: str) -> str:
    """The password if it is good enough; ``personal`` words may not be it. Raises FieldError."""
    if len(password) < SHORTEST_PASSWORD:
        raise FieldError("A password has at least 10 characters.")
    if len(password) > LONGEST_PASSWORD:
        raise FieldError("A password has at most 200 characters.")
    guessable = {word.casefold() for word in personal if word} | {"1234567890", "qwertyuiop"}
    if password.casefold() in guessable or len(set(password)) < 4:
        raise FieldError("This password is too easy to guess.")
    return password


async def add_user(employee_id: UUID, email: str, password_hash: str | None) -> UUID:
    """An account for the employee, in an open session; without a password it is only invited (INV-10).

    Raises Invalid for ``email`` if another account of any company has it.
    """
    user = User(
        employee_id=employee_id,
        email=email,
        password_hash=password_hash,
        status=UserStatus.ACTIVE if password_hash else UserStatus.INVITED,
    )
    try:
        await User.insert(user)
    except asyncpg.UniqueViolationError as error:
        raise Invalid(email=FieldError(EMAIL_TAKEN)) from error
    return user.id


async def confirm(db: Database, throttle: LoginThrottle, actor: Actor, password: str) -> None:
    """Ask a signed-in person for the password again, before something is shown or changed.

    Raises Invalid for ``password``, TooManyRequests after several wrong ones.
    """
    if actor.user_id is None:
        raise Forbidden
    account = str(actor.user_id)
    throttle.check(actor.source, account)
    throttle.attempt(actor.source, account)
    async with db.tenant(actor.tenant):
        row = await _user(actor.user_id)
    if not await verify_password(row["password_hash"], password):
        raise Invalid(password=FieldError("The password is wrong."))
    throttle.succeeded(actor.source, account)


async def change_password(
    db: Database,
    throttle: LoginThrottle,
    actor: Actor,
    command: ChangePassword,
    session_id: UUID | None,
) -> None:
    """Replace one's own password and end all one's other sessions. Raises Invalid by field."""
    await confirm(db, throttle, actor, command.old)
    try:
        new = check_password(command.new, actor.name, command.old)
    except FieldError as error:
        raise Invalid(new=error) from error
    hashed = await hash_password(new)
    async with db.tenant(actor.tenant):
        await User.update({User.password_hash: hashed}).where(User.id == actor.user_id)
        await sessions.end_others(actor.user_id, keep=session_id)
        await audit.record(actor, "user.password", actor.user_id)


async def reset_password(db: Database, actor: Actor, employee_id: UUID, password: str) -> None:
    """The operator lets a person in: a new password, an active account, no session left over.

    Raises Invalid for the password, NotFound for an employee without an account.
    """
    require_operator(actor, "tenants:write")
    try:
        check_password(password)
    except FieldError as error:
        raise Invalid(password=error) from error
    values = {User.password_hash: await hash_password(password), User.status: UserStatus.ACTIVE}
    async with db.tenant(actor.tenant):
        changed = await User.update(values).where(User.employee_id == employee_id).returning(User.id)
        if not changed:
            raise NotFound
        await sessions.end_others(changed[0]["id"])
        await audit.record(actor, "user.reset", changed[0]["id"])


async def set_preferences(db: Database, actor: Actor, command: Preferences) -> None:
    """Language and theme of the person. Raises Invalid for ones that there are not."""
    values: dict[Any, Any] = {}
    if command.locale is not UNSET:
        if command.locale not in LOCALES:
            raise Invalid(locale=FieldError("There is no such language."))
        values[User.locale] = command.locale
    if command.theme is not UNSET:
        if command.theme not in THEMES:
            raise Invalid(theme=FieldError("There is no such theme."))
        values[User.theme] = command.theme
    if actor.user_id is None:
        raise Forbidden
    if values:
        async with db.tenant(actor.tenant):
            before = await _user(actor.user_id)
            await User.update(values).where(User.id == actor.user_id)
            after = {column._meta.name: value for column, value in values.items()}
            await audit.record(actor, "user.preferences", actor.user_id, *audit.changes(before, after))


async def _user(user_id: UUID) -> dict[str, Any]:
    row = await User.select().where(User.id == user_id).first()
    if row is None:
        raise NotFound
    return row
