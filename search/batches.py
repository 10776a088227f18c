"""Which texts go through the network together, and how many such batches at a time."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from search.embedder import Vectors

# Several worker processes on one machine would crowd each other with more.
_MOST_THREADS = 4
# Tokens of one batch: more are no quicker, the weights are in the processor's cache by then.
_TOKENS = 512
# Padding costs as much as text; this much of it costs less than another pass over the weights.
_LONGER, _LONGER_BY = 1.1, 2


def batches(lengths: Sequence[int]) -> list[list[int]]:
    """Positions in batches of like length (tokens), since all are padded to the longest."""
    found: list[list[int]] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[position]
        if (
            not found
            or length > lengths[found[-1][0]] * _LONGER + _LONGER_BY
            or (len(found[-1]) + 1) * length > _TOKENS
        ):
            found.append([])
        found[-1].append(position)
    return found


class BatchRunner:
    """Runs the batches of a call: those of one small call here, those of many texts at once.

    One core a batch, several batches at once. Threads within one batch wait for each other
    spinning: with one other busy process on two cores a question took PyTorch 540 ms on two
    threads, 21 ms on one, and 14 against 19 ms on a quiet machine.
    """

    def __init__(self, threads: int = 0) -> None:
        """`threads`: batches at once; 0 is one a core, at most four."""
        cores = min(_MOST_THREADS, len(os.sched_getaffinity(0)))
        self._threads = ThreadPoolExecutor(threads or cores, thread_name_prefix="encode")

    def run(
        self, lengths: Sequence[int], dimensions: int, forward: Callable[[list[int]], Vectors]
    ) -> Vectors:
        """(n, dimensions) in the order of `lengths`; `forward` is given positions."""
        vectors = np.empty((len(lengths), dimensions), dtype=np.float32)
        planned = batches(lengths)
        # A question never queues behind the many batches of a background job.
        run = map if sum(lengths) <= 2 * _TOKENS else self._threads.map
        for batch, found in zip(planned, run(forward, planned), strict=True):
            vectors[batch] = found
        return vectors
