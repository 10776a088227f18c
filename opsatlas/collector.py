"""Python's garbage collector, made patient while much is built that will live on.

It looks for cycles after every 700 new containers, and passes over all that were built before ever
again: at a million records a quarter of the time (`python -m bench.load`). There are no cycles in
them, and reference counts free them as always.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENT = 200_000, 100, 1000
"""Thresholds of the three generations; see `gc.set_threshold`."""
_lock = threading.Lock()
_held: list[tuple[int, int, int]] = []
"""What was set before, once for each block that is open."""


@contextmanager
def patient_collector() -> Iterator[None]:
    """Collect rarely inside of the block, also where several threads are in one."""
    with _lock:
        _held.append(gc.get_threshold())
        gc.set_threshold(*_PATIENT)
    try:
        yield
    finally:
        with _lock:
            before = _held.pop()
            if not _held:
                gc.set_threshold(*before)


def spare_what_lives() -> None:
    """Have the collector pass over all that there is now from here on: after something large was
    built, of which a question in ten would otherwise wait while it is looked through again.

    Reference counts free it as always, only cycles in it would stay.
    """
    gc.freeze()
