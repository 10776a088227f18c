"""How long impact takes, beside plain reachability in NetworkX and rustworkx on the same graph.

    python -m bench.impact --cis 100000 --relationships 500000 [--queries 1000] [--json]

OpsAtlas computes states, groups, distances and causes; the rivals only which nodes are reachable.
They follow every edge, so they reach more: an optional edge or a group that holds stops a failure
here. `top` are the 100 CIs with the most direct dependents. The engines take turns query by query.
"""

import argparse
import ctypes
import gc
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
import numpy as np
import psutil
import rustworkx as rx

from bench.topology import Topology, layered
from cmdb.graph import GraphSnapshot
from cmdb.impact import analyse
from cmdb.walks import compile_walk

TOP = 100
WARM_UP = 5
CHECKED = 10
MEGABYTE = 1e6

Ask = Callable[[int], Any]
Builder = Callable[[Topology], tuple[Ask, Callable[[Any], set[int]]]]


@dataclass
class Engine:
    """One contestant: its answers are timed, its sets of ids are compared untimed."""

    name: str
    build_s: float
    memory_mb: float
    ask: Ask
    ids_of: Callable[[Any], set[int]]
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    spent_s: float = 0.0


def opsatlas(topology: Topology) -> tuple[Ask, Callable[[Any], set[int]]]:
    snapshot = GraphSnapshot.build(
        topology.ci_ids, [topology.relationships], topology.groups, revision=1
    )
    analyse(snapshot, [1])  # makes the working arrays, which belong to the memory needed
    return (lambda ci: analyse(snapshot, [ci])), lambda result: set(result.ids.tolist())


def networkx(topology: Topology) -> tuple[Ask, Callable[[Any], set[int]]]:
    graph = nx.DiGraph()
    graph.add_nodes_from(topology.ci_ids.tolist())
    graph.add_edges_from(_edges(topology))
    return (lambda ci: nx.descendants(graph, ci)), set


def rustworkx(topology: Topology) -> tuple[Ask, Callable[[Any], set[int]]]:
    graph = rx.PyDiGraph()
    graph.add_nodes_from([None] * (len(topology.ci_ids) + 1))  # node numbers are the CI ids
    graph.add_edges_from_no_data(list(_edges(topology)))
    return (lambda ci: rx.descendants(graph, ci)), set


RIVALS: dict[str, Builder] = {"rustworkx": rustworkx, "networkx": networkx}


def main() -> None:
    options = _arguments()
    if not options.interpreted:
        compile_walk()
    topology = layered(options.cis, options.relationships, options.seed)
    builders = {"opsatlas": opsatlas} | {name: RIVALS[name] for name in options.rivals}
    engines = [_build(name, builder, topology) for name, builder in builders.items()]
    fan_out = np.bincount(topology.relationships.provider_id, minlength=options.cis + 1)
    pick = random.Random(options.seed)
    questions = {
        "random": [pick.randint(1, options.cis) for _ in range(options.queries)],
        "top": np.argsort(-fan_out, kind="stable")[:TOP].tolist(),
    }
    reached = {}
    for kind, cis in questions.items():
        _check(engines, cis[:CHECKED])
        reached[kind] = _time(engines, kind, cis, options.budget)
    report = _report(options, engines, reached)
    print(json.dumps(report) if options.json else _table(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.impact")
    parser.add_argument("--cis", type=int, default=100_000)
    parser.add_argument("--relationships", type=int, default=500_000)
    parser.add_argument("--queries", type=int, default=1000, help="random CIs to ask about")
    parser.add_argument(
        "--interpreted", action="store_true", help="walk as before the machine code is there"
    )
    parser.add_argument("--rivals", nargs="*", choices=list(RIVALS), default=list(RIVALS))
    parser.add_argument(
        "--budget",
        type=float,
        default=60,
        help="seconds after which an engine answers no more of the random or top CIs",
    )
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _edges(topology: Topology) -> Iterator[tuple[int, int]]:
    columns = topology.relationships
    return zip(columns.provider_id.tolist(), columns.dependent_id.tolist(), strict=True)


def resident_mb() -> float:
    """Memory of this process once all that is free has gone back to the system."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return float(psutil.Process().memory_info().rss) / MEGABYTE


def _build(name: str, build: Builder, topology: Topology) -> Engine:
    before = resident_mb()
    start = time.perf_counter()
    ask, ids_of = build(topology)
    seconds = time.perf_counter() - start
    return Engine(name, seconds, resident_mb() - before, ask, ids_of)


def _check(engines: list[Engine], cis: list[int]) -> None:
    """What is affected is always reachable, and the rivals agree on what is reachable."""
    ours, *rivals = engines
    for ci in cis:
        affected = ours.ids_of(ours.ask(ci)) - {ci}
        sets = [rival.ids_of(rival.ask(ci)) - {ci} for rival in rivals]
        if any(affected - reachable or reachable != sets[0] for reachable in sets):
            raise SystemExit(f"the engines do not agree on what CI {ci} reaches")


def _time(engines: list[Engine], kind: str, cis: list[int], budget: float) -> list[int]:
    """Times every engine on every CI, in turns; how many CIs each failure affected."""
    affected = []
    for engine in engines:
        engine.milliseconds[kind] = []
        engine.spent_s = 0.0
        for ci in cis[:WARM_UP]:
            engine.ask(ci)
    gc.collect()
    gc.disable()  # the rivals' millions of objects would make every engine pay for a collection
    for number, ci in enumerate(cis):
        turn = number % len(engines)
        for engine in engines[turn:] + engines[:turn]:
            if engine.spent_s > budget:
                continue
            start = time.perf_counter()
            answer = engine.ask(ci)
            seconds = time.perf_counter() - start
            engine.spent_s += seconds
            engine.milliseconds[kind].append(seconds * 1000)
            if engine is engines[0]:
                affected.append(len(answer.reached.index) - 1)
    gc.enable()
    return affected


def _percentiles(values: list[float] | list[int]) -> dict[str, float]:
    p50, p95, most = np.percentile(values, [50, 95, 100])
    return {"p50": round(float(p50), 4), "p95": round(float(p95), 4), "max": round(float(most), 4)}


def _report(
    options: argparse.Namespace, engines: list[Engine], reached: dict[str, list[int]]
) -> dict[str, Any]:
    results: dict[str, dict[str, Any]] = {
        engine.name: {
            "build_s": round(engine.build_s, 3),
            "memory_mb": round(engine.memory_mb, 1),
            "random_ms": _percentiles(engine.milliseconds["random"]),
            "top_ms": _percentiles(engine.milliseconds["top"]),
            "answered": {kind: len(times) for kind, times in engine.milliseconds.items()},
        }
        for engine in engines
    }
    ours = results["opsatlas"]
    return {
        "cis": options.cis,
        "relationships": options.relationships,
        "queries": options.queries,
        "seed": options.seed,
        "affected": {kind: _percentiles(counts) for kind, counts in reached.items()},
        "engines": results,
        "ratios": {
            name: {
                f"{kind}_{which}": round(ours[f"{kind}_ms"][which] / theirs[f"{kind}_ms"][which], 3)
                for kind in reached
                for which in ("p50", "p95", "max")
            }
            for name, theirs in results.items()
            if name != "opsatlas"
        },
    }


def _table(report: dict[str, Any]) -> str:
    lines = [
        f"{report['cis']:,} CIs, {report['relationships']:,} relationships; milliseconds",
        f"{'engine':<12}{'build s':>9}{'MB':>8}"
        + "".join(f"{kind + ' ' + p:>12}" for kind in ("random", "top") for p in _COLUMNS),
    ]
    for name, found in report["engines"].items():
        times = [found[f"{kind}_ms"][p] for kind in ("random", "top") for p in _COLUMNS]
        cells = "".join(f"{value:>12.4g}" for value in times)
        lines.append(f"{name:<12}{found['build_s']:>9.2f}{found['memory_mb']:>8.0f}{cells}")
    for name, ratios in report["ratios"].items():
        cells = "".join(
            f"{ratios[f'{k}_{p}']:>11.2f}×" for k in ("random", "top") for p in _COLUMNS
        )
        lines.append(f"{'/ ' + name:<29}{cells}")
    for kind, found in report["affected"].items():
        lines.append(
            f"affected by one of the {kind} CIs: "
            + ", ".join(f"{p} {found[p]:,.0f}" for p in _COLUMNS)
        )
    for name, found in report["engines"].items():
        if found["answered"] != report["engines"]["opsatlas"]["answered"]:
            lines.append(f"{name} ran out of its time budget after {found['answered']}")
    return "\n".join(lines)


_COLUMNS = ("p50", "p95", "max")


if __name__ == "__main__":
    main()
