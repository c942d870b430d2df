"""What branches of a scenario may say: every reference exists, every number can be dialled.

A draft of a branch is what its editor sends: a branch whose id is missing while it is new. What is
wrong is named by its place, ``branches[0].chain.steps[1].addressees``, everything at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from core.contracts import Branch
from core.errors import FieldError, Invalid
from core.library import OFFERED
from core.regions import SUBJECTS
from core.scenarios import (
    QUEUE,
    Addressee,
    AddresseeKind,
    Chain,
    Dial,
    DialMode,
    Executor,
    ExecutorKind,
    ExtensionBlock,
    HangUp,
    KeyAction,
    MenuBlock,
    MenuKey,
    MessageBlock,
    PluginStep,
    Queue,
    RegionFilter,
    Step,
    TagFilter,
)
from tenants.services import phones
from tenants.services.contracts import step_configs
from tenants.services.forms import proper_name
from tenants.tables import (
    Calendar,
    Contract,
    Employee,
    ExtensionList,
    Group,
    Media,
    Menu,
    Schedule,
    Tag,
    TagKind,
)

__all__ = ["KEYS", "BranchDraft", "Known", "known", "reachable", "responsible", "verified"]

_MOST_ADDRESSEES = 100
_MOST_STEPS = 20
_MOST_WAITING = 1000
_REQUESTS = frozenset({KeyAction.MESSAGE, KeyAction.CALLBACK})
KEYS = frozenset("0123456789*#")
"""What a telephone can press that is asked to."""

BranchDraft: Any = msgspec.defstruct(
    "BranchDraft",
    [
        ("chain", Chain),
        ("id", UUID | None, None),
        ("name", str, ""),
        *(
            (field.name, field.type, field.default)
            for field in msgspec.structs.fields(Branch)
            if field.name not in ("chain", "id", "name")
        ),
    ],
    module=__name__,
    namespace={
        "__doc__": "A branch as it shall be; a new one has no ``id`` yet. " + str(Branch.__doc__)
    },
    frozen=True,
    forbid_unknown_fields=True,
)


class Known(Struct, frozen=True):
    """Ids of what a scenario may name, the company's own things and the ready-made media, and what the
    settings of each step of a plugin must fit."""

    employees: frozenset[UUID]
    groups: frozenset[UUID]
    schedules: frozenset[UUID]
    calendars: frozenset[UUID]
    media: frozenset[UUID]
    menus: frozenset[UUID]
    lists: frozenset[UUID]
    tags: frozenset[UUID]
    steps: Mapping[str, type[Struct]]
    plugins: frozenset[str] = frozenset()  # of the contract


async def known() -> Known:
    """What there is, in the open session."""
    tables = (Employee, Group, Schedule, Calendar, Media, Menu, ExtensionList)
    own = [frozenset(row["id"] for row in await table.select(table.id)) for table in tables]
    found = [ids | OFFERED if table is Media else ids for table, ids in zip(tables, own, strict=True)]
    tags = await Tag.select(Tag.id).where(Tag.kind == TagKind.CONTACT)
    contracts = await Contract.select(Contract.plugins)
    plugins = frozenset(name for row in contracts for name in row["plugins"])
    return Known(*found, frozenset(row["id"] for row in tags), step_configs(), plugins)


def verified(drafts: dict[str, Any], there: Known) -> dict[str, Any]:
    """The drafts by place, with their references in stored form. Raises Invalid with all places."""
    check = _Check(there)
    found = {place: check.branch(place, draft) for place, draft in drafts.items()}
    if check.errors:
        raise Invalid(**check.errors)
    return found


def reachable(named: Addressee, there: Known) -> Addressee:
    """Whom a list or a key of a menu names, in stored form. Raises FieldError if nobody is there."""
    checks: dict[AddresseeKind, Callable[[str], str]] = {
        AddresseeKind.EMPLOYEE: lambda ref: _one_of(ref, there.employees, _NO_EMPLOYEE),
        AddresseeKind.GROUP: lambda ref: _one_of(ref, there.groups, _NO_GROUP),
        AddresseeKind.EXTENSION: phones.extension,
        AddresseeKind.EXTERNAL: phones.forwardable,
    }
    return replace(named, ref=checks[named.kind](named.ref))


class _Check:
    """Walks through branches and collects what is wrong."""

    def __init__(self, there: Known) -> None:
        self.there = there
        self.errors: dict[str, FieldError] = {}

    def branch(self, place: str, draft: Any) -> Any:
        self._reference(f"{place}.schedule_id", draft.schedule_id, self.there.schedules)
        self._reference(f"{place}.calendar_id", draft.calendar_id, self.there.calendars)
        off = draft.off_hours
        return replace(
            draft,
            name=self._value(f"{place}.name", proper_name, draft.name),
            filter=self._filter(place, draft.filter),
            chain=self._chain(f"{place}.chain", draft.chain),
            off_hours=None if off is None else self._chain(f"{place}.off_hours", off),
        )

    def _filter(self, place: str, given: TagFilter | RegionFilter | None) -> Any:
        """The branch for everybody else has none; any other needs one (FLT-06)."""
        problem = None
        if place == "default":
            problem = "Callers who fit no filter have none." if given is not None else None
        elif given is None or not (given.tags if isinstance(given, TagFilter) else given.regions):
            problem = "Choose tags or regions."
        elif isinstance(given, TagFilter):
            if not self.there.tags.issuperset(given.tags):
                problem = "There is no such tag."
        elif isinstance(given, RegionFilter):
            if not set(given.regions) <= SUBJECTS.keys():
                problem = "There is no such region."
            given = RegionFilter(tuple(sorted(set(given.regions))))
        if problem:
            self.errors[f"{place}.filter"] = FieldError(problem)
        return given

    def _chain(self, place: str, chain: Chain) -> Chain:
        for option in ("greeting", "melody", "warning"):
            self._media(f"{place}.options.{option}", getattr(chain.options, option))
        steps = self._steps(f"{place}.steps", chain.steps)
        net = self._steps(f"{place}.net", chain.net)
        first = {_who(step) for step in steps if isinstance(step, Dial)}
        if any(_who(step) in first for step in net if isinstance(step, Dial)):
            problem = "The safety net has the same addressees as the forwarding before it."
            self.errors[f"{place}.net"] = FieldError(problem)
        return replace(chain, steps=steps, net=net)

    def _steps(self, place: str, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        if len(steps) > _MOST_STEPS:
            self.errors[place] = FieldError("A chain has at most 20 blocks.")
        return tuple(self._step(f"{place}[{at}]", step) for at, step in enumerate(steps))

    def _step(self, place: str, step: Step) -> Step:
        if isinstance(step, Dial):
            return self._dial(place, step)
        if isinstance(step, HangUp):
            self._hang_up(place, step)
        else:
            self._plugin(place, step)
        return step

    def _dial(self, place: str, step: Dial) -> Dial:
        self._seconds(f"{place}.ring_seconds", step.ring_seconds, 3600)
        self._seconds(f"{place}.each_seconds", step.each_seconds, 600)
        if step.queue is not None:
            step = replace(step, queue=self._queue(f"{place}.queue", step.queue))
        if step.manager is not None:
            self._seconds(f"{place}.manager", step.manager.ring_seconds, 600)
            if step.manager.otherwise is not None:
                self._hang_up(f"{place}.manager.otherwise", step.manager.otherwise)
        if not 0 < len(step.addressees) <= _MOST_ADDRESSEES:
            problem = "A forwarding has 1 to 100 addressees."
            self.errors[f"{place}.addressees"] = FieldError(problem)
        addressees = tuple(self._addressees(f"{place}.addressees", step))
        if step.mode is DialMode.PARALLEL and len(set(addressees)) < len(addressees):
            problem = "Who are called at once are named once each."
            self.errors[f"{place}.addressees"] = FieldError(problem)
        return replace(step, addressees=addressees)

    def _queue(self, place: str, queue: Queue) -> Queue:
        """The settings of a queue (PRC-09), if the contract has queues at all."""
        if QUEUE.partition(".")[0] not in self.there.plugins or QUEUE not in self.there.steps:
            self.errors[place] = FieldError("The contract has no queues.")
        self._seconds(f"{place}.seconds", queue.seconds, 7200)
        self._seconds(f"{place}.pause_seconds", queue.pause_seconds, 600)
        if queue.place_seconds is not None and not 10 <= queue.place_seconds <= 600:
            self.errors[f"{place}.place_seconds"] = FieldError("From 10 to 600 seconds are possible.")
        if queue.most is not None and not 1 <= queue.most <= _MOST_WAITING:
            problem = FieldError("From 1 to {most} callers may wait.", most=_MOST_WAITING)
            self.errors[f"{place}.most"] = problem
        self._media(f"{place}.media", queue.media)
        if not self.there.tags.issuperset(queue.first) or len(set(queue.first)) < len(queue.first):
            self.errors[f"{place}.first"] = FieldError("Choose tags of contacts, each once.")
        pressed = [key.key for key in queue.keys]
        if len(set(pressed)) < len(pressed) or not KEYS.issuperset(pressed):
            problem = FieldError("Keys are the digits, the star and the hash; each does one thing.")
            self.errors[f"{place}.keys"] = problem
        return replace(queue, keys=tuple(self._keys(f"{place}.keys", queue.keys)))

    def _keys(self, place: str, keys: tuple[MenuKey, ...]) -> Iterator[MenuKey]:
        """What leads out of a queue, without what has no meaning for it."""
        for at, key in enumerate(keys):
            plain = MenuKey(key.key, key.action)
            if key.action in _REQUESTS:
                self._media(f"{place}[{at}].target", key.target)
                if key.executor is None:
                    self.errors[f"{place}[{at}].executor"] = FieldError("Choose who gets the task.")
                else:
                    self._executor(f"{place}[{at}].executor", key.executor)
                plain = replace(plain, target=key.target, executor=key.executor)
            elif key.action is not KeyAction.SKIP:
                problem = "From a queue keys lead to a voice message, a callback or the next block."
                self.errors[f"{place}[{at}].action"] = FieldError(problem)
            yield plain

    def _plugin(self, place: str, step: PluginStep) -> None:
        """Some plugin executes the step, it can read the settings, and what they name is there."""
        config = self.there.steps.get(step.name)
        if config is None or step.name == QUEUE:  # that is a forwarding's
            self.errors[f"{place}.name"] = FieldError("There is no such step.")
            return
        try:
            block = msgspec.convert(step.config, config)
        except msgspec.ValidationError:
            self.errors[f"{place}.config"] = FieldError("The settings do not fit the step.")
            return
        if isinstance(block, MenuBlock):
            self._reference(f"{place}.config.menu_id", block.menu_id, self.there.menus)
        elif isinstance(block, ExtensionBlock):
            self._reference(f"{place}.config.list_id", block.list_id, self.there.lists)
            self._media(f"{place}.config.instruction", block.instruction)
        elif isinstance(block, MessageBlock):
            self._media(f"{place}.config.greeting", block.greeting)
            if block.task is not None:
                self._executor(f"{place}.config.task", block.task)

    def _addressees(self, place: str, step: Dial) -> Iterator[Addressee]:
        for named in step.addressees:
            try:
                yield reachable(named, self.there)
            except FieldError as error:
                self.errors[place] = error
                yield named

    def _hang_up(self, place: str, step: HangUp) -> None:
        if not 400 <= step.sip_status <= 699:
            self.errors[f"{place}.sip_status"] = FieldError("A call ends with a status of 400 to 699.")
        self._media(f"{place}.media", step.media)
        if step.task is not None:
            self._executor(f"{place}.task", step.task)

    def _executor(self, place: str, executor: Executor) -> None:
        try:
            responsible(executor, self.there)
        except FieldError as error:
            self.errors[place] = error

    def _seconds(self, place: str, seconds: int, most: int) -> None:
        if not 1 <= seconds <= most:
            self.errors[place] = FieldError("From 1 to {most} seconds are possible.", most=most)

    def _reference(self, place: str, thing: UUID | None, there: frozenset[UUID]) -> None:
        if thing is not None and thing not in there:
            self.errors[place] = FieldError("There is no such thing in the company.")

    def _media(self, place: str, media: UUID | None) -> None:
        self._reference(place, media, self.there.media)

    def _value(self, place: str, check: Any, value: str) -> str:
        try:
            stored: str = check(value)
        except FieldError as error:
            self.errors[place] = error
            return value
        return stored


def responsible(named: Executor, there: Known) -> Executor:
    """Who gets a task, in stored form. Raises FieldError if the one who is named is not there."""
    if named.kind is ExecutorKind.EMPLOYEE:
        return replace(named, ref=_one_of(named.ref, there.employees, _NO_EMPLOYEE))
    if named.kind is ExecutorKind.GROUP:
        return replace(named, ref=_one_of(named.ref, there.groups, _NO_GROUP))
    return Executor(named.kind)


_NO_EMPLOYEE = "There is no such employee."
_NO_GROUP = "There is no such group."


def _one_of(ref: str, there: frozenset[UUID], problem: str) -> str:
    try:
        found = UUID(ref)
    except ValueError:
        raise FieldError(problem) from None
    if found not in there:
        raise FieldError(problem)
    return str(found)


def _who(step: Dial) -> tuple[object, ...]:
    """A list that differs in nothing but time is the same list (H-9)."""
    return step.addressees, step.mode
