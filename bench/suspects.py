"""How well suspects are found, beside set-cover greedy and personalised PageRank (NetworkX).

    python -m bench.suspects --cis 10000 --relationships 50000 [--cases 100] [--json]

A case: one CI that is no service, or two, fails and affects at least one service or application
beside itself, and not more than 1,000. Of the affected services and applications 20 % are not
reported, to each reported one comes with 5 % a wrong one, and five that work are known to.
Ranks are counted from 1; CIs that a contestant holds for equally likely share their mean rank, and
one that it does not list has the mean rank of all that it does not list. Of two failed CIs each
counts as one half. `ceiling` is what the best ranking could reach: CIs that affect exactly the
same cannot be told apart.
"""

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
import numpy as np

from bench.topology import LAYERS, Topology, layered
from cmdb.graph import GraphSnapshot, Indices
from cmdb.impact import State, analyse
from cmdb.suspect_candidates import SILENT, Candidates, CloserLook, candidates
from cmdb.suspect_evidence import Evidence
from cmdb.suspects import Budget, rank

LOST, WRONG, HEALTHY = 0.20, 0.05, 5
TOP = 5
NAMED = 1000
"""Symptoms that one question may name: failures that affect more are not drawn."""
KEEP = 50
SAME_BY = 64
"""Affected CIs by which those are found that affect the same."""

Scores = dict[int, Any]
"""What a contestant says of CIs by index: greater is likelier; those left out are not listed."""


@dataclass(frozen=True)
class World:
    snapshot: GraphSnapshot
    observed: Indices
    may_fail: Indices


@dataclass(frozen=True)
class Case:
    failed: list[int]
    evidence: Evidence
    found: Candidates


@dataclass
class Tally:
    ranks: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    truncated: int = 0


def main() -> None:
    options = _arguments()
    world = _world(layered(options.cis, options.relationships, options.seed))
    report: dict[str, Any] = {
        "cis": options.cis,
        "relationships": options.relationships,
        "cases": options.cases,
        "seed": options.seed,
        "kinds": {},
    }
    for kind, failures in (("single", 1), ("double", 2)):
        report["kinds"][kind] = _kind(world, options, failures)
    print(json.dumps(report) if options.json else _table(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.suspects")
    parser.add_argument("--cis", type=int, default=10_000)
    parser.add_argument("--relationships", type=int, default=50_000)
    parser.add_argument("--cases", type=int, default=100, help="cases of each kind")
    parser.add_argument("--seconds", type=float, default=2.0, help="budget of one answer")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _world(topology: Topology) -> World:
    snapshot = GraphSnapshot.build(
        topology.ci_ids, [topology.relationships], topology.groups, revision=1
    )
    services = list(LAYERS).index("services")
    observed = np.flatnonzero(topology.layer >= services - 1).astype(np.int32)
    return World(snapshot, observed, np.flatnonzero(topology.layer < services).astype(np.int32))


def _kind(world: World, options: argparse.Namespace, failures: int) -> dict[str, Any]:
    pick = random.Random(f"{options.seed}/{failures}")
    contestants: dict[str, Callable[[World, Case], Scores]] = {
        "set cover": set_cover,
        "pagerank": pagerank,
    }
    tallies: dict[str, Tally] = defaultdict(Tally)
    sizes: list[int] = []
    same: list[int] = []
    for _ in range(options.cases):
        case = _case(world, pick, failures)
        sizes.append(len(case.evidence.symptoms))
        same += [_same_effect(world, index) for index in case.failed]
        start = time.perf_counter()
        found = candidates(world.snapshot, case.evidence.symptoms, Budget().candidates)
        ranking = rank(world.snapshot, case.evidence, found, KEEP, Budget(seconds=options.seconds))
        ours = tallies["opsatlas"]
        ours.milliseconds.append((time.perf_counter() - start) * 1000)
        ours.truncated += ranking.truncated
        _count(ours, case, {
            each.index: (round(each.probability, 9), round(each.alone.score, 6))
            for each in ranking.suspects
        })  # fmt: skip
        for name, contestant in contestants.items():
            start = time.perf_counter()
            scores = contestant(world, case)
            tallies[name].milliseconds.append((time.perf_counter() - start) * 1000)
            _count(tallies[name], case, scores)
    best = np.array([(block + 1) / 2 for block in same])
    return {
        "symptoms": _percentiles(sizes),
        "ceiling": _quality(best),
        "contestants": {name: _told(tally) for name, tally in tallies.items()},
    }


def _case(world: World, pick: random.Random, failures: int) -> Case:
    while True:
        failed = sorted(int(i) for i in pick.sample(list(world.may_fail), failures))
        affected = _affected(world, failed)
        if len(affected) <= NAMED and all(
            _affected(world, [index]).keys() - {index} for index in failed
        ):
            break
    reported = {i: state for i, state in affected.items() if pick.random() >= LOST}
    if not reported:
        only = pick.choice(sorted(affected))
        reported = {only: affected[only]}
    fine = [int(i) for i in pick.sample(list(world.observed), len(world.observed) // 2)]
    fine = [index for index in fine if index not in affected]
    wrong = sum(pick.random() < WRONG for _ in reported)
    reported |= {i: pick.choice([State.DEGRADED, State.DOWN]) for i in fine[:wrong]}
    symptoms: list[tuple[int, State | None]] = list(reported.items())
    pick.shuffle(symptoms)
    evidence = Evidence(
        symptoms=dict(symptoms),
        healthy=frozenset(fine[wrong : wrong + HEALTHY]),
        observed=world.observed,
        size=world.snapshot.size,
    )
    found = candidates(world.snapshot, evidence.symptoms, world.snapshot.size)
    return Case(failed, evidence, found)


def _affected(world: World, failed: Iterable[int]) -> dict[int, State]:
    """Observed CIs that are down or degraded when these fail."""
    ids = [int(world.snapshot.ids[index]) for index in failed]
    reached = analyse(world.snapshot, ids).reached
    hit = (reached.state >= State.DEGRADED) & np.isin(reached.index, world.observed)
    states = map(State, reached.state[hit].tolist())
    return dict(zip(reached.index[hit].tolist(), states, strict=True))


def _same_effect(world: World, failed: int) -> int:
    """How many CIs affect exactly what this one does, itself among them."""
    affected = _affected(world, [failed])
    marks = np.zeros(world.snapshot.size, np.uint8)
    marks[world.observed] = SILENT
    marks[list(affected)] = 0
    look = CloserLook(world.snapshot, bytearray(marks.tobytes()))
    shared = list(affected)[:SAME_BY]
    covers = candidates(world.snapshot, shared, world.snapshot.size).covers
    whole = (1 << len(shared)) - 1
    return sum(
        1
        for index, bits in covers.items()
        if bits == whole
        and look.surely_down(index, 1)[0] == 0
        and (index == failed or _affected(world, [index]) == affected)
    )


def set_cover(world: World, case: Case) -> Scores:
    """Greedy: again and again the CI that more of the symptoms left stand on than on any other;
    of several the one with the fewest direct dependents; the rest by how many stand on them."""
    covers = dict(case.found.covers)
    fan_out = {i: len(world.snapshot.edges_to_dependents(i)) for i in covers}
    left = (1 << len(case.evidence.symptoms)) - 1
    scores: Scores = {}
    rounds = 0
    while left:
        first = max(covers, key=lambda i: ((covers[i] & left).bit_count(), -fan_out[i]))
        rounds += 1
        scores[first] = (1, -rounds, 0)
        left &= ~covers.pop(first)
    return scores | {i: (0, bits.bit_count(), -fan_out[i]) for i, bits in covers.items()}


def pagerank(world: World, case: Case) -> Scores:
    """Personalised PageRank from the symptoms along dependent -> provider, among candidates."""
    graph = nx.DiGraph()
    graph.add_nodes_from(case.found.covers)
    for index in case.found.covers:
        for position in world.snapshot.edges_to_providers(index).tolist():
            graph.add_edge(index, world.snapshot.provider_of(position))
    ranks = nx.pagerank(graph, personalization=dict.fromkeys(case.evidence.symptoms, 1.0))
    return {index: round(score, 12) for index, score in ranks.items()}


def _count(tally: Tally, case: Case, scores: Scores) -> None:
    for failed in case.failed:
        if failed in scores:
            better = sum(score > scores[failed] for score in scores.values())
            equal = sum(score == scores[failed] for score in scores.values())
            tally.ranks.append(better + (equal + 1) / 2)
        else:
            all_of_them = max(len(case.found.covers), len(scores) + 1)
            tally.ranks.append((len(scores) + 1 + all_of_them) / 2)


def _quality(ranks: Any) -> dict[str, float]:
    ranks = np.asarray(ranks)
    return {
        "top1": round(float((ranks <= 1).mean()), 4),
        "top5": round(float((ranks <= TOP).mean()), 4),
        "mean_rank": round(float(ranks.mean()), 2),
    }


def _told(tally: Tally) -> dict[str, Any]:
    return _quality(tally.ranks) | {
        "median_rank": float(np.median(tally.ranks)),
        "ms": _percentiles(tally.milliseconds),
        "truncated": tally.truncated,
    }


def _percentiles(values: Iterable[float]) -> dict[str, float]:
    p50, p95, most = np.percentile(list(values), [50, 95, 100])
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1), "max": round(float(most), 1)}


def _table(report: dict[str, Any]) -> str:
    size = f"{report['cis']:,} CIs, {report['relationships']:,} relationships"
    lines = [f"{size}, seed {report['seed']}, {report['cases']} cases of each kind"]
    for kind, found in report["kinds"].items():
        sizes = found["symptoms"]
        lines.append(f"{kind} failures; symptoms p50 {sizes['p50']:.0f}, max {sizes['max']:.0f}")
        lines.append(f"  {'':<12}{'top-1':>8}{'top-5':>8}{'mean rank':>11}{'p50 ms':>9}{'p95':>8}")
        rows = {"(ceiling)": found["ceiling"]} | found["contestants"]
        for name, row in rows.items():
            times = row.get("ms")
            cells = f"{times['p50']:>9.0f}{times['p95']:>8.0f}" if times else ""
            lines.append(f"  {name:<12}{row['top1']:>8.2f}{row['top5']:>8.2f}"
                         f"{row['mean_rank']:>11.1f}{cells}")  # fmt: skip
        lines.append(f"  truncated by the budget: {found['contestants']['opsatlas']['truncated']}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
