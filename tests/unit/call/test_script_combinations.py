"""Stories by the hundred: three people, each doing what people do, in both orders."""

from itertools import product

import pytest

from tests.support.script import (
    answers,
    declines,
    handled,
    hangs_up,
    hears,
    is_let_go,
    redirects,
    rings_on,
    story,
    talks,
)
from tests.support.script_checks import answered_by, ended, heard, rang, steps
from tests.support.script_handling import ends, forwards
from tests.support.script_virtual import run

PEOPLE = ("anna", "boris", "vera")
DEEDS = ("answers", "declines", "rings on", "is absent", "sends to Gleb")


def part(deed, at):
    """What one does, each a second later than the one before in the list."""
    match deed:
        case "answers":
            return [answers(after=1 + at)]
        case "declines":
            return [declines(603, after=0.5)]
        case "rings on":
            return [rings_on()]
        case "sends to Gleb":
            return [redirects("gleb")]
    return None


def outcome(deeds, order):
    """Who rings, as in ``rang``, and who answers, if anybody does."""
    there = [(name, deed) for name, deed in zip(PEOPLE, deeds, strict=True) if deed != "is absent"]
    if order == "parallel":
        everybody = {name for name, _ in there}
        rings = [everybody] if everybody else []
        if "sends to Gleb" in deeds:
            return [*rings, "gleb"], "gleb"
        return rings, next((name for name, deed in there if deed == "answers"), None)
    rings = []
    for name, deed in there:
        rings.append(name)
        if deed == "answers":
            return rings, name
        if deed == "sends to Gleb":
            return [*rings, "gleb"], "gleb"
    return rings, None


@pytest.mark.spec("PRC-07", "PRC-12", at="rule")
@pytest.mark.parametrize("order", ["sequential", "parallel"])
@pytest.mark.parametrize("first", DEEDS)
def test_whoever_does_what(order, first):
    for others in product(DEEDS, repeat=2):
        deeds = (first, *others)
        if deeds.count("sends to Gleb") > 1:
            continue
        rings, who = outcome(deeds, order)
        parts = {
            name: part(deed, at) for at, (name, deed) in enumerate(zip(PEOPLE, deeds, strict=True))
        }
        parts = {name: acts for name, acts in parts.items() if acts is not None}
        if "sends to Gleb" in deeds:
            parts["gleb"] = [answers()]
        caller = [talks(who), hangs_up()] if who else [hears("farewell"), is_let_go(200)]
        made = story(
            f"{order}: {', '.join(deeds)}",
            handled(
                forwards(*PEOPLE, order=order, each=5), ends("farewell", task="last"), cards=_CARDS
            ),
            caller=caller,
            then=[
                rang(*rings),
                heard("caller", who or "farewell"),
                answered_by(who) if who else ended("no_answer", by="system"),
                steps("answered") if who else steps("task_asked"),
            ],
            **parts,
        )
        run(made)


_CARDS = {name: {} for name in (*PEOPLE, "gleb")}
