"""Confidences that never rise from one rank to the next.

Order and confidence follow from two models; where these disagree, a reader would be told that the
second is likelier to help than the first. Neither model knows better: what disagrees is averaged.
"""

from collections.abc import Sequence


def falling(confidences: Sequence[float]) -> list[float]:
    """The nearest sequence (least squares) that never rises; runs that do become their mean.

    Pool adjacent violators (Ayer, Brunk, Ewing, Reid, Silverman, Ann. Math. Statist. 26, 1955).
    The sum stays what it was, and a sequence that never rises stays itself.
    """
    pools: list[tuple[float, int]] = []
    """Mean and length of each run, means falling."""
    for confidence in confidences:
        mean, length = confidence, 1
        while pools and pools[-1][0] < mean:
            before, count = pools.pop()
            mean = (before * count + mean * length) / (count + length)
            length += count
        pools.append((mean, length))
    return [mean for mean, length in pools for _ in range(length)]
