"""What the compiled walk does with a single CI or round: reading rows, claiming, ordering.

Of several edges that would claim a CI in one step, the one with the lowest provider wins, and
within a provider the first: the order in which the other walks claim, without any sorting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from cmdb.graph import Indices
from cmdb.propagation import NOBODY

_Function = TypeVar("_Function", bound=Callable[..., Any])
machine_code = cast("Callable[[_Function], _Function]", numba.njit(nogil=True, cache=True))
"""Compiled at its first call, without holding the interpreter's lock while it runs."""

_ONE_BY_ONE = 32
"""Up to so many CIs are sorted by insertion, which costs less than a call."""
_SORTED = 256
"""Rounds of more CIs read their rows in the order of memory: worth the sorting from about here."""
_DENSE = 32
"""One CI in so many: from there on, marks are read through instead of sorting what was claimed."""

STATE, DISTANCE, CAUSE = 1, 2, 3
"""Rows of an answer, after the index: as `Reached` has them."""


class Graph(NamedTuple):
    """The arrays of a snapshot that a walk reads."""

    required_first: Indices
    conditional_first: Indices
    moved: Indices
    """(m, 5): index of a CI whose row has moved, ascending, and the four ends of its rows."""
    dependent: Indices
    group_of: Indices
    conditional_from: int


class Claims(NamedTuple):
    """What has been claimed, in the order of claiming."""

    mark: NDArray[np.uint8]
    """The low bits of the step that claimed a CI with the state; 0 for unclaimed."""
    claim: Indices
    """(n, 4): that step with the state, distance, cause and provider."""
    queue: Indices


@machine_code
def claim_all(begun: Indices, key: int, claims: Claims, count: int) -> int:
    """Claims the CIs that nothing explains; those given twice or claimed before are left."""
    for index in begun:
        if not claims.mark[index]:
            claims.mark[index] = key & 255
            claims.claim[index, 0] = key
            claims.claim[index, 1] = 0
            claims.claim[index, 2] = NOBODY
            claims.claim[index, 3] = NOBODY
            claims.queue[count] = index
            count += 1
    return count


@machine_code
def put(
    graph: Graph,
    claims: Claims,
    count: int,
    position: int,
    provider: int,
    distance: int,
    key: int,
) -> int:
    """Claims the dependent of an edge, or gives it the better explanation if this very step has
    claimed it."""
    dependent = graph.dependent[position]
    known = claims.mark[dependent]
    if not known:
        claims.mark[dependent] = key & 255
        claims.claim[dependent, 0] = key
        claims.claim[dependent, 1] = distance
        claims.claim[dependent, 2] = position
        claims.claim[dependent, 3] = provider
        claims.queue[count] = dependent
        return count + 1
    if known == key & 255:
        same_step = claims.claim[dependent, 0] == key
        if same_step and provider < claims.claim[dependent, 3]:
            claims.claim[dependent, 2] = position
            claims.claim[dependent, 3] = provider
    return count


@machine_code
def rows(graph: Graph, provider: int) -> tuple[np.int32, np.int32, np.int32, np.int32]:
    """Where the required and the conditional edges of a provider are."""
    moved = graph.moved
    if len(moved):
        low, high = 0, len(moved)
        while low < high:
            middle = (low + high) >> 1
            if moved[middle, 0] < provider:
                low = middle + 1
            else:
                high = middle
        if low < len(moved) and moved[low, 0] == provider:
            return moved[low, 1], moved[low, 2], moved[low, 3], moved[low, 4]
    required, conditional = graph.required_first, graph.conditional_first
    if provider >= len(required) - 1:
        return np.int32(0), np.int32(0), np.int32(0), np.int32(0)
    return (
        required[provider],
        required[provider + 1],
        conditional[provider],
        conditional[provider + 1],
    )


@machine_code
def order(claims: Claims, begin: int, end: int, low: int) -> None:
    """Brings a large round into the order of its rows; `low` is the least key of the round."""
    mark, claim, queue = claims
    if (end - begin) * _DENSE > len(mark):
        at = begin
        for index in range(len(mark)):
            if mark[index] and claim[index, 0] >= low:
                queue[at] = index
                at += 1
    elif end - begin > _SORTED:
        queue[begin:end].sort()


@machine_code
def collect(
    mark: NDArray[np.uint8], claim: Indices, queue: Indices, count: int, answer: Indices
) -> None:
    """Puts what was claimed into `answer`, ascending by index, and unmarks it."""
    if count * _DENSE > len(mark) and count > _ONE_BY_ONE:
        at = 0
        for index in range(len(mark)):
            if mark[index]:
                queue[at] = index
                at += 1
    elif count > _ONE_BY_ONE:
        queue[:count].sort()
    else:
        for at in range(1, count):
            index = queue[at]
            before = at - 1
            while before >= 0 and queue[before] > index:
                queue[before + 1] = queue[before]
                before -= 1
            queue[before + 1] = index
    for at in range(count):
        index = queue[at]
        answer[0, at] = index
        answer[STATE, at] = mark[index] & 3
        answer[DISTANCE, at] = claim[index, 1]
        answer[CAUSE, at] = claim[index, 2]
        mark[index] = 0
