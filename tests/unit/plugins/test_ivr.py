"""Voice menus and extension dialling, in virtual time: what is heard, pressed, and where it leads."""

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.contracts import (
    Addressee,
    AddresseeKind,
    Executor,
    ExecutorKind,
    Menu,
    Options,
    Outcome,
    PluginStep,
    StepCode,
    TaskKind,
    TaskRequest,
)
from core.library import Prompt
from core.ports import Loudness
from core.recordings import Channel, RecordingKind
from core.scenarios import (
    ExtensionBlock,
    ExtensionList,
    KeyAction,
    MenuBlock,
    MenuKey,
    MessageBlock,
    Otherwise,
)
from core.sip.session import Ended
from plugins.ivr import service
from plugins.ivr.logic import Entry, Patience, entered
from tests.support.virtual_time import run
from tests.unit.call.world import World, answers, hangs_up, refuses, ring, rings

TOP, SECOND, LIST = UUID(int=31), UUID(int=32), UUID(int=33)
NAMES = {1: "instruction", 2: "wrong", 3: "news", 4: "second", 5: "extensions", 6: "greeting"}
SOMEBODY = Executor(ExecutorKind.EMPLOYEE, str(UUID(int=7)))
SALES = Addressee(AddresseeKind.EMPLOYEE, str(UUID(int=7)))


def media(name):
    return UUID(int=next(number for number, known in NAMES.items() if known == name))


def key(pressed, action, **more):
    return MenuKey(pressed, action, **more)


MENU = Menu(
    TOP,
    "Главное",
    instruction=media("instruction"),
    wrong=media("wrong"),
    repeat_seconds=5,
    idle_seconds=12,
    enabled=True,
    keys=(
        key("1", KeyAction.FORWARD, addressee=SALES),
        key("2", KeyAction.MENU, target=SECOND),
        key("3", KeyAction.PLAY, target=media("news")),
        key("4", KeyAction.EXTENSIONS, target=LIST),
        key("0", KeyAction.SKIP),
        key("*", KeyAction.REPEAT),
    ),
)
BELOW = Menu(
    SECOND,
    "Ещё",
    level=2,
    instruction=media("second"),
    idle_seconds=10,
    enabled=True,
    keys=(key("1", KeyAction.FORWARD, addressee=SALES), key("#", KeyAction.REPEAT)),
)
EXTENSIONS = ExtensionList(
    LIST, "Все", instruction=media("extensions"), wrong=media("wrong"), idle_seconds=10
)


class Ivr(World):
    """A call into a menu; behind it the phone ``next`` rings, by a key the phone ``chosen``."""

    def __init__(self, menu=MENU, otherwise=Otherwise.NEXT, extensions=("101", "102", "1021", "20")):
        super().__init__()
        self.clips = {UUID(int=n): Path(f"{name}.wav") for n, name in NAMES.items()}
        self.snapshot = replace(self.snapshot, menus=(menu, BELOW), extension_lists=(EXTENSIONS,))
        self.extensions = extensions
        self.dialled = []
        self.plugin = {
            "ivr.menu": lambda call: service.menu(call, MenuBlock(menu.id, otherwise)),
            "ivr.message": lambda call: service.message(
                call, MessageBlock(media("greeting"), SOMEBODY)
            ),
            "ivr.extensions": lambda call: service.extensions(
                call, ExtensionBlock(LIST, otherwise=otherwise)
            ),
        }
        self.phone("chosen", rings(), answers(2), hangs_up(30))
        self.phone("next", rings(), answers(2), hangs_up(30))

    def plan(self, step, record, only=None):
        if step.addressees:
            self.dialled.append(step.addressees[0])
            self.trees[id(step)] = ring("chosen")
        return super().plan(step, record, only)

    def call_in(self, *script, step="ivr.menu"):
        self.steps = (PluginStep(step),)
        self.dial(ring("next"))
        acts = [(at, self.press(what) if isinstance(what, str) else what) for at, what in script]
        return run(self.run(*acts))

    def press(self, pressed):
        return lambda: self.media.on_key(None, pressed, 100)

    @property
    def heard(self):
        return [did[1].removesuffix(".wav") for did in self.media.did if did[0] == "play"]


def rang(cdr):
    return [step.address for step in cdr.steps if step.code is StepCode.RINGING]


@pytest.mark.spec("IVR-10", at="rule")
def test_a_key_leads_to_an_employee():
    world = Ivr()
    cdr = world.call_in((4, "1"))
    assert (world.dialled, rang(cdr)) == ([SALES], ["chosen"])
    assert (cdr.outcome, cdr.ended_by) == (Outcome.ANSWERED, "callee")
    assert world.heard == ["instruction", "ringback"]
    pressed = [step.data["key"] for step in cdr.steps if step.code is StepCode.PRESSED]
    assert pressed == ["1"]


def test_a_key_ends_what_is_heard():
    world = Ivr()
    world.call_in((1, "1"))
    played = [did for did in world.media.did if did[0] in ("play", "hush")]
    assert played[:2] == [("play", "instruction.wav"), ("hush",)]


@pytest.mark.spec("IVR-04", at="rule")
@pytest.mark.spec("IVR-05", at="rule")
@pytest.mark.spec("MNU-04", at="rule")
def test_silence_has_the_instruction_repeated_and_then_the_next_block_follows():
    world = Ivr()
    cdr = world.call_in()
    assert world.heard == ["instruction"] * 3 + ["ringback"]
    assert rang(cdr) == ["next"]
    first_ring = next(step.at for step in cdr.steps if step.code is StepCode.RINGING)
    assert first_ring - cdr.started_at == pytest.approx(3 * 3 + 12)


def test_without_a_repeat_time_the_instruction_is_heard_once():
    world = Ivr(replace(MENU, repeat_seconds=None))
    world.call_in()
    assert world.heard == ["instruction", "ringback"]


@pytest.mark.spec("MNU-04", at="rule")
def test_silence_may_end_the_call():
    world = Ivr(otherwise=Otherwise.HANG_UP)
    cdr = world.call_in()
    assert rang(cdr) == []
    assert world.caller.did[-1][0] == "bye"
    assert cdr.outcome is Outcome.NO_ANSWER


@pytest.mark.spec("IVR-03", at="rule")
def test_a_wrong_key_is_said_to_be_wrong_and_the_instruction_begins_anew():
    world = Ivr()
    world.call_in((4, "9"), (9, "1"))
    assert world.heard == ["instruction", "wrong", "instruction", "ringback"]
    assert world.dialled == [SALES]


@pytest.mark.spec("EXT-01", at="rule")
def test_without_media_of_its_own_a_list_and_a_wrong_key_are_the_library_s():
    world = Ivr(replace(MENU, wrong=None))
    world.call_in((4, "9"), (9, "1"))
    assert world.heard == ["instruction", Prompt.WRONG_KEY, "instruction", "ringback"]
    world = Ivr(extensions=("101",))
    standard = replace(EXTENSIONS, instruction=None, wrong=None)
    world.snapshot = replace(world.snapshot, extension_lists=(standard,))
    world.call_in((4, "2"), (12, "1"), (12.1, "0"), (12.2, "1"), step="ivr.extensions")
    assert world.heard[:2] == [Prompt.MENU_EXTENSION, Prompt.WRONG_EXTENSION]


def test_who_presses_wrong_keys_for_ever_is_let_go():
    world = Ivr(otherwise=Otherwise.HANG_UP)
    cdr = world.call_in(*[(1 + at / 10, "9") for at in range(30)])
    assert world.caller.did[-1][0] == "bye"
    assert cdr.ended_at - cdr.started_at < 10


@pytest.mark.spec("IVR-07", at="rule")
def test_the_instruction_is_repeated_on_demand():
    world = Ivr()
    world.call_in((1, "*"), (3, "*"), (9, "1"))
    assert world.heard == ["instruction"] * 3 + ["ringback"]


@pytest.mark.spec("IVR-08", at="rule")
def test_a_key_plays_information_and_the_menu_goes_on():
    world = Ivr()
    world.call_in((4, "3"), (20, "1"))
    assert world.heard[:3] == ["instruction", "news", "instruction"]
    assert world.dialled == [SALES]


@pytest.mark.spec("IVR-09", at="rule")
@pytest.mark.spec("IVR-17", at="rule")
def test_a_key_leads_into_the_second_level():
    world = Ivr()
    world.call_in((4, "2"), (8, "1"))
    assert world.heard == ["instruction", "second", "ringback"]
    assert world.dialled == [SALES]


@pytest.mark.spec("IVR-18", at="rule")
def test_the_menu_can_be_skipped():
    world = Ivr(otherwise=Otherwise.HANG_UP)
    cdr = world.call_in((1, "0"))
    assert rang(cdr) == ["next"]


@pytest.mark.spec("IVR-19", at="rule")
def test_a_menu_that_is_switched_off_is_passed_over():
    world = Ivr(replace(MENU, enabled=False))
    cdr = world.call_in()
    assert (world.heard, rang(cdr)) == ([], ["next"])
    assert cdr.ringing_at - cdr.started_at == pytest.approx(0, abs=0.2)


def test_who_is_not_reached_by_a_key_counts_as_nothing_pressed():
    world = Ivr()
    world.phone("chosen", rings(), refuses(486))
    cdr = world.call_in((4, "1"))
    assert rang(cdr) == ["chosen", "next"]
    assert cdr.outcome is Outcome.ANSWERED


def test_keys_of_the_greeting_are_not_for_the_menu():
    world = Ivr()
    world.options = Options(greeting=media("greeting"))
    world.call_in((1, "1"), (10, "0"))
    assert (world.heard[:2], world.dialled) == (["greeting", "instruction"], [])


def test_who_leaves_ends_the_menu():
    world = Ivr()
    cdr = world.call_in((4, Ended(True)))
    assert (cdr.outcome, cdr.ended_by) == (Outcome.CANCELLED, "caller")
    assert cdr.ended_at - cdr.started_at == pytest.approx(4)


@pytest.mark.spec("IVR-16", at="rule")
@pytest.mark.parametrize("target", [None, media("news")])
def test_a_key_asks_for_a_call_back(target):
    sales = Executor(ExecutorKind.GROUP, str(UUID(int=70)))
    asks = key("5", KeyAction.CALLBACK, executor=sales, target=target)
    world = Ivr(replace(MENU, keys=(*MENU.keys, asks)))
    cdr = world.call_in((4, "5"))
    assert world.heard == ["instruction", "news" if target else Prompt.CALLBACK]
    assert cdr.tasks == (TaskRequest(TaskKind.CALLBACK, Addressee(AddresseeKind.GROUP, sales.ref)),)
    assert (rang(cdr), cdr.ended_by) == ([], "system")


def test_who_hides_the_number_is_not_called_back():
    sales = Executor(ExecutorKind.GROUP, str(UUID(int=70)))
    asks = key("5", KeyAction.CALLBACK, executor=sales)
    for otherwise in Otherwise:
        world = Ivr(replace(MENU, keys=(*MENU.keys, asks)), otherwise)
        world.number = None
        cdr = world.call_in((4, "5"))
        assert cdr.tasks == ()
        assert Prompt.CALLBACK not in world.heard
        assert rang(cdr) == (["next"] if otherwise is Otherwise.NEXT else [])


# --- extensions -----------------------------------------------------------------------------------


@pytest.mark.spec("MNU-05", at="rule")
@pytest.mark.parametrize(
    ("keys", "reached", "seconds"),
    [
        ("101", "101", 4.2),  # whole at once: nothing else begins so
        ("20", "20", 4.1),
        ("102", "102", 7.2),  # it could have become 1021
        ("102#", "102", 4.3),
        ("1021", "1021", 4.3),
        ("9*101", "101", None),
    ],
)
def test_an_extension_is_reached_as_soon_as_it_can_be_nothing_else(keys, reached, seconds):
    world = Ivr(extensions=("101", "102", "1021", "20", "901"))
    script = [(4 + at / 10, pressed) for at, pressed in enumerate(keys)]
    cdr = world.call_in(*script, step="ivr.extensions")
    assert world.dialled == [Addressee(AddresseeKind.EXTENSION, reached)]
    if seconds:
        first_ring = next(step.at for step in cdr.steps if step.code is StepCode.RINGING)
        assert first_ring - cdr.started_at == pytest.approx(seconds, abs=0.05)


@pytest.mark.spec("EXT-03", at="rule")
@pytest.mark.spec("EXT-06", at="rule")
def test_what_nobody_may_dial_is_wrong():
    world = Ivr(extensions=("101",))
    world.call_in((4, "2"), (12, "1"), (12.1, "0"), (12.2, "1"), step="ivr.extensions")
    assert world.heard == ["extensions", "wrong", "extensions", "ringback"]
    assert world.dialled == [Addressee(AddresseeKind.EXTENSION, "101")]


@pytest.mark.parametrize("typed", ["2222", "2#"])
def test_who_mistypes_a_number_is_told_so_once(typed):
    world = Ivr(extensions=("101",))
    script = [(4 + at / 2, pressed) for at, pressed in enumerate(typed)]
    world.call_in(*script, (9, "1"), (9.1, "0"), (9.2, "1"), step="ivr.extensions")
    assert [heard for heard in world.heard if heard == "wrong"] == ["wrong"]
    assert world.dialled == [Addressee(AddresseeKind.EXTENSION, "101")]


def test_who_begins_anew_for_ever_is_let_go():
    world = Ivr(extensions=("101",))
    script = [(4 + at / 2, "*") for at in range(200)]
    cdr = world.call_in(*script, step="ivr.extensions")
    assert cdr.ended_at - cdr.started_at < 80


@pytest.mark.spec("EXT-05", at="rule")
@pytest.mark.spec("IVR-14", at="rule")
def test_the_list_can_be_an_item_of_a_menu():
    world = Ivr()
    world.call_in((4, "4"), (8, "2"), (8.1, "0"))
    assert world.heard == ["instruction", "extensions", "ringback"]
    assert world.dialled == [Addressee(AddresseeKind.EXTENSION, "20")]


@pytest.mark.spec("MNU-06", at="rule")
@pytest.mark.parametrize("reached", [False, True])
def test_one_step_for_nothing_dialled_and_for_nobody_reached(reached):
    """Trap 22."""
    ends = []
    for otherwise in Otherwise:
        world = Ivr(otherwise=otherwise)
        world.phone("chosen", rings(), refuses(486))
        script = [(4, "2"), (4.1, "0")] if reached else []
        cdr = world.call_in(*script, step="ivr.extensions")
        ends.append(rang(cdr)[-1:] == ["next"])
    assert ends == [True, False]


@given(st.sets(st.text("0123456789", min_size=2, max_size=4)), st.text("0123456789", min_size=1))
def test_every_extension_can_be_dialled_and_nothing_else(extensions, digits):
    for whole in extensions:
        for length in range(1, len(whole)):
            assert entered(whole[:length], extensions) in (Entry.PARTIAL, Entry.MAYBE)
        assert entered(whole, extensions) in (Entry.WHOLE, Entry.MAYBE)
    if not any(each.startswith(digits) for each in extensions):
        assert entered(digits, extensions) is Entry.WRONG


@given(st.integers(1, 60), st.integers(1, 120))
def test_patience_ends_when_it_was_said(repeat, idle):
    patience, waited = Patience(repeat, idle), 0.0
    while not patience.over:
        waited += patience.seconds
        patience.waited()
    assert waited == idle


def test_a_key_ends_a_clip_that_is_just_beginning():
    world = Ivr()
    world.media.slow.add("play")
    world.call_in((0.5, "2"), (20, "1"))
    played = [did for did in world.media.did if did[0] in ("play", "hush")]
    assert played[:3] == [("play", "instruction.wav"), ("hush",), ("play", "second.wav")]


def test_a_repeat_time_of_nothing_does_not_hold_the_caller_for_ever():
    world = Ivr(replace(MENU, repeat_seconds=0))
    assert rang(world.call_in()) == ["next"]


def test_who_listens_for_ever_is_let_go():
    world = Ivr(otherwise=Otherwise.HANG_UP)
    world.call_in(*[(1 + at, "*") for at in range(200)])
    assert world.caller.did[-1][0] == "bye"


@pytest.mark.spec("IVR-17", at="rule")
def test_there_is_no_third_level():
    deeper = replace(BELOW, keys=(key("2", KeyAction.MENU, target=TOP),))
    world = Ivr()
    world.snapshot = replace(world.snapshot, menus=(MENU, deeper))
    cdr = world.call_in((4, "2"), (8, "2"))
    assert world.heard == ["instruction", "second", "ringback"]
    assert rang(cdr) == ["next"]


# --- voice messages -----------------------------------------------------------------------------------


class Mailbox(Ivr):
    """A caller who says something for so many seconds after the beep, which he hears at 6."""

    def __init__(self, speaks=4.0, **more):
        super().__init__(**more)
        self.media.sent = lambda leg: b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 8\r\n"
        self.speaks = speaks
        self.media.loudness = self.loudness

    async def loudness(self):
        begun = next(step.at for step in self.call.record._steps if step.code is StepCode.RECORDING)
        said = min(max(self.call.record.now() - begun - 3, 0.0), self.speaks)
        return Loudness(said, begun + 3 + said if said else None)


def left(cdr):
    """For how long each message is recorded, and the tasks of the call."""
    lasted = [
        round(part.ended_at - part.started_at)
        for made in cdr.recordings
        for part in made.parts
        if made.kind is RecordingKind.MESSAGE
    ]
    return lasted, [(task.kind, task.recording) for task in cdr.tasks]


@pytest.mark.spec("PRC-03", "PRC-04", at="rule")
@pytest.mark.parametrize(
    ("speaks", "script", "lasts"),
    [
        (4, [(8, "5"), (13, "#")], 10),  # any other key ends nothing
        (4, [], 13),  # nothing is said for six seconds
        (1000, [], 183),  # the beep, and three minutes
        (4, [(11, Ended(True))], 8),
    ],
    ids=["hash", "silence", "longest", "hangs up"],
)
def test_a_message_ends_by_key_silence_limit_or_the_caller_and_is_kept(speaks, script, lasts):
    world = Mailbox(speaks)
    cdr = world.call_in(*script, step="ivr.message")
    lasted, tasks = left(cdr)
    assert lasted == [pytest.approx(lasts, abs=1)]
    assert tasks == [(TaskKind.MESSAGE, cdr.recordings[0].id)]
    assert cdr.tasks[0].executor == SALES
    hung_up = any(isinstance(act, Ended) for _, act in script)
    assert world.heard == ["greeting", "beep"] + ([] if hung_up else ["message.saved"])
    assert rang(cdr) == []
    assert [track.channel for track in cdr.recordings[0].parts[0].tracks] == [Channel.CLIENT]


@pytest.mark.parametrize("leaves", [False, True])
def test_a_message_in_which_nothing_is_said_is_none(leaves):
    world = Mailbox(speaks=0.5)
    cdr = world.call_in(*([(9, Ended(True))] if leaves else []), step="ivr.message")
    assert left(cdr) == ([], [])
    assert world.heard == ["greeting", "beep"]
    assert [s.data["reason"] for s in cdr.steps if s.code is StepCode.NOT_RECORDING] == ["nothing_said"]


@pytest.mark.parametrize("trouble", ["no room", "broken"])
def test_who_cannot_leave_a_message_is_told_of_all_the_same(trouble):
    world = Mailbox()
    if trouble == "broken":
        world.media.broken.add("record")
    else:
        world.no_room = "disk_full"
    cdr = world.call_in(step="ivr.message")
    assert left(cdr) == ([], [(TaskKind.MISSED, None)])
    assert "beep" not in world.heard


def test_a_message_needs_no_announcement():
    """What could not be said of conversations does not keep anybody from leaving one."""
    world = Mailbox()

    def unannounced():
        world.call._state.recorder.unannounced()

    cdr = world.call_in((1, unannounced), (20, "#"), step="ivr.message")
    assert left(cdr)[1] == [(TaskKind.MESSAGE, cdr.recordings[0].id)]


@pytest.mark.spec("IVR-15", at="rule")
def test_a_key_leads_to_a_message():
    menu = replace(
        MENU,
        keys=(*MENU.keys, key("7", KeyAction.MESSAGE, target=media("greeting"), executor=SOMEBODY)),
    )
    world = Mailbox(menu=menu)
    cdr = world.call_in((4, "7"), (20, "#"))
    assert world.heard == ["instruction", "greeting", "beep", "message.saved"]
    assert left(cdr)[1] == [(TaskKind.MESSAGE, cdr.recordings[0].id)]
