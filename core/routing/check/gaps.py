"""The exact moments of the coming 12 months in which nobody is there for a caller."""

from __future__ import annotations

from collections.abc import Iterator

from core.contracts import Branch, Chain, Dial
from core.routing.check.callers import ANYBODY
from core.routing.check.chains import Chains
from core.routing.check.findings import Code, Finding, Severity
from core.routing.check.moments import Moments
from core.routing.check.survey import Survey

__all__ = ["gap_of", "gaps"]


def gap_of(survey: Survey, chains: Chains) -> Moments:
    """When some caller of the scenario is left unattended: forwarded in vain, or taken by no branch."""
    moments = survey.ways[ANYBODY].untaken
    for branch, off_hours, chain in survey.chains():
        if reach := survey.reach(branch, off_hours):
            moments |= reach & chains.unattended(chain)
    return moments


def gaps(survey: Survey, chains: Chains) -> Iterator[Finding]:
    """Chains that leave callers unattended, and forwardings that never ring anybody."""
    for branch, off_hours, chain in survey.chains():
        reach = survey.reach(branch, off_hours)
        if not reach:
            continue
        unattended = reach & chains.unattended(chain)
        if unattended:
            yield _gap(survey, branch, off_hours, chain, unattended)
        if unattended != reach:
            yield from _vain(survey, branch, off_hours, chain, chains)


def _gap(survey: Survey, branch: Branch, off_hours: bool, chain: Chain, unattended: Moments) -> Finding:
    ever = unattended == survey.reach(branch, off_hours)
    forwards = any(isinstance(step, Dial) for step in chain.all_steps)
    code = (Code.NOBODY_EVER if forwards else Code.CHAIN_EMPTY) if ever else Code.NOBODY_AT_TIMES
    return survey.finding(
        code,
        Severity.ERROR if ever else Severity.WARNING,
        survey.place(branch, off_hours),
        moments=unattended,
        witness=survey.witness(branch, off_hours, unattended),
    )


def _vain(
    survey: Survey,
    branch: Branch,
    off_hours: bool,
    chain: Chain,
    chains: Chains,
) -> Iterator[Finding]:
    reach, possible = survey.reach(branch, off_hours), chains.possible(chain)
    for index, step in enumerate(chain.all_steps):
        if index not in possible or not isinstance(step, Dial):
            continue
        if not reach & chains.rings(step):
            yield survey.finding(
                Code.STEP_RINGS_NOBODY,
                Severity.WARNING,
                survey.place(branch, off_hours, index),
                witness=survey.witness(branch, off_hours, reach),
            )
