"""Forwards to our own numbers that come back to where they began.

Whoever is forwarded to a number of ours arrives there as the same caller. So for each plain caller
there is a graph: from scenario to scenario, each edge with the moments at which it is there. A circle
counts if all its edges are there at one moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from core.contracts import Chain, Dial
from core.routing.check.answering import Answering
from core.routing.check.callers import Caller
from core.routing.check.chains import Chains
from core.routing.check.findings import Code, Finding, Severity
from core.routing.check.menus import forwards_of_keys
from core.routing.check.moments import Moments
from core.routing.check.people import People
from core.routing.check.survey import Survey

__all__ = ["loops"]

Graph = dict[int, dict[int, Moments]]
"""From survey to survey, both by index: when calls are forwarded."""


def loops(
    surveys: Sequence[Survey], people: People, chains: Chains, answering: Answering
) -> Iterator[Finding]:
    """Circles of forwards, each once."""
    index = {id(survey): at for at, survey in enumerate(surveys)}
    target = {own: index[id(survey)] for own, survey in answering.survey_of.items()}
    rings = {
        id(chain): _rung(chain, people, chains) for survey in surveys for _, _, chain in survey.chains()
    }
    if not any(rings.values()):
        return
    told: set[frozenset[UUID]] = set()
    for caller in dict.fromkeys(caller for survey in surveys for caller in survey.ways):
        graph = _graph(surveys, caller, rings, target)
        for start, moments in _circles(graph).items():
            survey = surveys[start]
            path = [surveys[node].scenario.id for node in _path(graph, start, moments & -moments)]
            if frozenset(path) not in told and survey.numbers:
                told.add(frozenset(path))
                yield _loop(survey, caller, moments, path)


def _loop(survey: Survey, caller: Caller, moments: Moments, path: list[UUID]) -> Finding:
    at = moments & -moments
    share = next(share for share in survey.way(caller).shares if share.moments & at)
    return survey.finding(
        Code.FORWARD_LOOP,
        Severity.ERROR,
        survey.place(share.branch, share.off_hours),
        moments=moments,
        witness=survey.call(caller, at),
        scenarios=[str(scenario) for scenario in path],
    )


def _rung(chain: Chain, people: People, chains: Chains) -> dict[int, Moments]:
    """When which of our own numbers may be rung by a chain, whatever is pressed."""
    possible = set(chains.possible(chain))
    found: dict[int, Moments] = {}
    for index, step in enumerate(chain.all_steps):
        if index in possible:
            more = (
                chains.rings(step) if isinstance(step, Dial) else forwards_of_keys(step, people, chains)
            )
            for own, moments in more.own.items():
                found[own] = found.get(own, 0) | moments
    return found


def _graph(
    surveys: Sequence[Survey],
    caller: Caller,
    rings: Mapping[int, Mapping[int, Moments]],
    target: Mapping[int, int],
) -> Graph:
    graph: Graph = {}
    for at, survey in enumerate(surveys):
        edges = graph[at] = dict[int, Moments]()
        for share in survey.way(caller).shares:
            for own, rung in rings[id(share.chain)].items():
                if own in target and (moments := share.moments & rung):
                    edges[target[own]] = edges.get(target[own], 0) | moments
    return graph


def _circles(graph: Graph) -> dict[int, Moments]:
    """When each node leads back to itself (Warshall, with sets of moments for truth)."""
    reach = {node: dict(edges) for node, edges in graph.items() if edges}
    for middle, onward in reach.items():
        for edges in reach.values():
            if into := edges.get(middle, 0):
                for end, moments in list(onward.items()):
                    edges[end] = edges.get(end, 0) | (into & moments)
    return {node: edges[node] for node, edges in reach.items() if edges.get(node)}


def _path(graph: Graph, start: int, at: Moments) -> list[int]:
    """The shortest circle from a node at a moment, without its end."""
    came: dict[int, int] = {}
    waiting = [start]
    for node in waiting:
        for following, moments in graph[node].items():
            if moments & at and following == start:
                path = [node]
                while path[-1] != start:
                    path.append(came[path[-1]])
                return path[::-1]
            if moments & at and following not in came:
                came[following] = node
                waiting.append(following)
    raise ValueError("no circle at this moment")
