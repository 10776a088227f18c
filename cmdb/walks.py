"""Ways to walk a snapshot: equal in what they answer, unlike in what they cost.

`cmdb/interpreted_walk.py` is there at once. The compiled walk is some five times as fast for the
few CIs that most failures reach, but making it takes seconds where numba has not compiled it on
this machine before; so a server makes it in the background and walks interpreted until then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from cmdb.graph import GraphSnapshot, GroupColumns, RelationshipColumns
from cmdb.propagation import IDLE_KEPT, Reached
from opsatlas.logs import log

if TYPE_CHECKING:
    from cmdb.compiled_walk import CompiledWalk

Walk = Callable[[GraphSnapshot, list[int], list[int], int], Reached | None]
"""What CIs of a snapshot (indices, ascending) reach that fail, and others that degrade; None where
more than so many turn out to be down or degraded."""

_making = threading.Lock()
_made: list[Walk] = []


def compiled() -> Walk | None:
    """The compiled walk; None as long as `compile_walk` has not made it."""
    return _made[0] if _made else None


def compile_walk() -> None:
    """Make the compiled walk: a second, or up to half a minute where it was never made before.

    Where numba cannot work, a log line says so and the interpreted walk stays in use.
    """
    with _making:
        if _made:
            return
        try:
            walk = _walk()
            walk(_tiny(), [0], [], 1)
        except Exception:  # whatever keeps numba from working must not keep us from answering
            log.warning("compiled_walk_unavailable", exc_info=True)
            return
        _made.append(walk)


def _walk() -> Walk:
    from cmdb.compiled_walk import CompiledWalk  # noqa: PLC0415 - it brings numba

    def walk(
        snapshot: GraphSnapshot, failed: list[int], degraded: list[int], patience: int
    ) -> Reached | None:
        idle: list[CompiledWalk] = snapshot.idle_compiled_walks
        try:
            arrays = idle.pop()
        except IndexError:
            arrays = CompiledWalk(snapshot)
        reached = arrays(failed, degraded, patience)
        if len(idle) < IDLE_KEPT:
            idle.append(arrays)
        return reached

    return walk


def _tiny() -> GraphSnapshot:
    """Two CIs, one of which needs the other."""
    relationships = RelationshipColumns.from_rows([(1, 2, 1, 0, -1)])
    return GraphSnapshot.build(
        np.array([1, 2]), [relationships], GroupColumns.from_rows([]), revision=0
    )
