"""How the time of an answer grows with what it reaches, from 10 CIs to all of them.

    python -m bench.growth --cis 1000000 --relationships 5000000 [--svg docs/growth.svg] [--json]

Failures of one CI, and of many at once for the largest answers, are sorted into bins by how many
CIs they affect; each bin is told by its medians. Beside OpsAtlas stands rustworkx on the same
failures: `descendants` of each failed CI, joined. The second graph has a tenth of the CIs: a cost
that came from what exists, and not from what is reached, would set the two apart.
"""

import argparse
import json
import math
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import rustworkx as rx

from bench.topology import Topology, layered
from cmdb.graph import GraphSnapshot
from cmdb.impact import analyse
from cmdb.walks import compile_walk

PER_BIN = 25
"""Failures timed a bin."""
BINS_A_DECADE = 2
ROUNDS = 3
MOST_RIVAL = 200
"""Failures of more CIs than this are not put to the rival, which answers for each CI alone."""


@dataclass(frozen=True)
class Bin:
    """Medians over the failures of one bin."""

    affected: float
    opsatlas_ms: float
    rustworkx_ms: float | None
    failures: int

    @property
    def ns_each(self) -> float:
        """Nanoseconds of OpsAtlas for each CI affected."""
        return self.opsatlas_ms * 1e6 / self.affected


def main() -> None:
    options = _arguments()
    compile_walk()
    sizes = [(options.cis, options.relationships)]
    sizes.append((options.cis // 10, options.relationships // 10))
    curves = {}
    for cis, relationships in sizes:
        curves[f"{cis:,} CIs"] = _curve(layered(cis, relationships, options.seed), options.seed)
    if options.svg:
        options.svg.write_text(_svg(curves), encoding="utf-8")
    if options.json:
        print(json.dumps({name: [asdict(each) for each in bins] for name, bins in curves.items()}))
    else:
        print(_table(curves))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.growth")
    parser.add_argument("--cis", type=int, default=100_000)
    parser.add_argument("--relationships", type=int, default=500_000)
    parser.add_argument("--svg", type=Path, help="write the plot there")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _curve(topology: Topology, seed: int) -> list[Bin]:
    snapshot = GraphSnapshot.build(
        topology.ci_ids, [topology.relationships], topology.groups, revision=1
    )
    columns = topology.relationships
    graph = rx.PyDiGraph()
    graph.add_nodes_from([None] * (len(topology.ci_ids) + 1))  # node numbers are the CI ids
    graph.add_edges_from_no_data(
        list(zip(columns.provider_id.tolist(), columns.dependent_id.tolist(), strict=True))
    )

    def rival(failed: list[int]) -> set[int]:
        return set().union(*(rx.descendants(graph, ci) for ci in failed))

    bins: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
    for failed in _failures(topology, seed):
        affected = len(analyse(snapshot, failed).reached.index) - len(failed)
        if affected >= 10:
            place = int(math.log10(affected) * BINS_A_DECADE)
            if len(bins[place]) < PER_BIN:
                bins[place].append((affected, failed))
    return [_timed(snapshot, rival, bins[place]) for place in sorted(bins)]


def _failures(topology: Topology, seed: int) -> Iterator[list[int]]:
    """One CI each, those with the most dependents among them; then more and more at once."""
    fan_out = np.bincount(topology.relationships.provider_id, minlength=len(topology.ci_ids) + 1)
    top = (np.argsort(-fan_out[1:], kind="stable") + 1).tolist()
    pick = random.Random(seed)
    yield from ([ci] for ci in pick.sample(top, min(20_000, len(top))))
    yield from ([ci] for ci in top[:200])
    for many in (3, 10, 30, 100, 300, 1_000, 3_000, 10_000):
        for _ in range(PER_BIN):
            yield pick.sample(top[: many * 4], min(many, len(top)))


def _timed(
    snapshot: GraphSnapshot,
    rival: Callable[[list[int]], object],
    failures: list[tuple[int, list[int]]],
) -> Bin:
    ours, theirs = [], []
    for _, failed in failures:
        ours.append(_fastest(partial(analyse, snapshot, failed)))
        if len(failed) <= MOST_RIVAL:
            theirs.append(_fastest(partial(rival, failed), rounds=1))
    return Bin(
        statistics.median(affected for affected, _ in failures),
        statistics.median(ours),
        statistics.median(theirs) if len(theirs) == len(ours) else None,
        len(failures),
    )


def _fastest(ask: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Milliseconds of the fastest of a few rounds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        ask()
        times.append((time.perf_counter() - start) * 1000)
    return min(times)


def _table(curves: dict[str, list[Bin]]) -> str:
    lines = []
    for name, bins in curves.items():
        lines.append(name)
        lines.append(
            f"{'affected':>12}{'OpsAtlas ms':>14}{'ns each':>10}{'rustworkx ms':>14}{'n':>5}"
        )
        for each in bins:
            rival = "-" if each.rustworkx_ms is None else f"{each.rustworkx_ms:.4g}"
            lines.append(
                f"{each.affected:>12,.0f}{each.opsatlas_ms:>14.4g}{each.ns_each:>10.0f}"
                f"{rival:>14}{each.failures:>5}"
            )
    return "\n".join(lines)


# The plot: both axes logarithmic, so that what is linear is a line with the slope of the diagonal.
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 400, 60, 350, 20
_X, _Y = (1, 6), (-3, 4)
_COLOURS = ("#0b6efd", "#6ea8fe", "#b02a37", "#e39aa1")


def _svg(curves: dict[str, list[Bin]]) -> str:
    def x(value: float) -> float:
        return _LEFT + (math.log10(value) - _X[0]) / (_X[1] - _X[0]) * (_WIDTH - _LEFT - 20)

    def y(value: float) -> float:
        return _BOTTOM - (math.log10(value) - _Y[0]) / (_Y[1] - _Y[0]) * (_BOTTOM - _TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        "<style>text { font: 12px sans-serif }</style>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
    ]

    def text(across: float, down: float, words: str, anchor: str, colour: str = "black") -> None:
        place = f'x="{across:.1f}" y="{down:.1f}" text-anchor="{anchor}" fill="{colour}"'
        parts.append(f"<text {place}>{words}</text>")

    for decade in range(_X[0], _X[1] + 1):
        at = x(10**decade)
        parts.append(f'<path d="M{at:.1f} {_TOP}V{_BOTTOM}" stroke="#ddd"/>')
        text(at, _BOTTOM + 16, f"{10**decade:,}", "middle")
    for decade in range(_Y[0], _Y[1] + 1):
        at = y(10.0**decade)
        parts.append(f'<path d="M{_LEFT} {at:.1f}H{_WIDTH - 20}" stroke="#ddd"/>')
        text(_LEFT - 6, at + 4, f"{10.0**decade:g}", "end")
    text(_WIDTH / 2, _HEIGHT - 12, "CIs affected", "middle")
    text(_LEFT, 14, "milliseconds", "start")
    lines = {f"OpsAtlas, {name}": [(b.affected, b.opsatlas_ms) for b in bins]
             for name, bins in curves.items()}  # fmt: skip
    for name, bins in curves.items():
        rivals = [(each.affected, each.rustworkx_ms) for each in bins if each.rustworkx_ms]
        lines[f"rustworkx, {name}"] = rivals
    for number, ((name, points), colour) in enumerate(zip(lines.items(), _COLOURS, strict=True)):
        places = " ".join(f"{x(affected):.1f},{y(ms):.1f}" for affected, ms in points)
        parts.append(
            f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        text(_LEFT + 12, _TOP + 18 + 16 * number, name, "start", colour)
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    main()
