"""The collector is patient inside of a block, and as before after the last one."""

import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from opsatlas.collector import patient_collector


def test_blocks_in_several_threads_leave_the_thresholds_as_they_were() -> None:
    before = gc.get_threshold()
    together = Barrier(8)

    def work(_: int) -> tuple[int, int, int]:
        with patient_collector():
            together.wait(10)
            return gc.get_threshold()

    with ThreadPoolExecutor(8) as threads:
        inside = set(threads.map(work, range(8)))
    assert min(inside)[0] > before[0]
    assert gc.get_threshold() == before
