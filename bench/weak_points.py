"""How long it takes to find every single point of failure, beside failing each CI in NetworkX.

    python -m bench.weak_points --cis 100000 --relationships 500000 [--sample 300] [--json]

OpsAtlas answers for all CIs: how many services each takes down alone, by criticality, by how many
each service can be taken down, and which groups of providers share what. The rivals fail one CI
after the other, so a random sample of CIs is measured and the time of all is extrapolated (and said
so): `networkx` only counts the services among the descendants, over every edge, as it knows no
states or groups; `impact` is our own `analyse`, which is also what the counts are checked against.

Services are a tenth of the CIs, drawn among those on which nothing stands.
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np

from bench.topology import Topology, layered
from cmdb.graph import GraphSnapshot, Indices
from cmdb.impact import State, analyse
from cmdb.single_points import SinglePoints, find_single_points

CRITICALITIES = 4


def main() -> None:
    options = _arguments()
    topology = layered(options.cis, options.relationships, options.seed)
    snapshot = GraphSnapshot.build(
        topology.ci_ids, [topology.relationships], topology.groups, revision=1
    )
    services = _services(topology, options.seed)
    start = time.perf_counter()
    found = _find(snapshot, services)
    ours = time.perf_counter() - start
    needed = np.flatnonzero(found.needed)
    sample = random.Random(options.seed).sample(needed.tolist(), min(options.sample, len(needed)))
    everybody = set(services.tolist())
    graph = nx.DiGraph()
    edges = snapshot.edges()
    graph.add_nodes_from(range(snapshot.size))
    graph.add_edges_from(zip(edges.provider.tolist(), edges.dependent.tolist(), strict=True))

    def networkx(ci: int) -> int:
        return len(nx.descendants(graph, ci) & everybody)

    def impact(ci: int) -> int:
        reached = analyse(snapshot, [int(snapshot.ids[ci])]).reached
        down = reached.index[reached.state == State.DOWN]
        return len(np.intersect1d(down, services)) - (ci in everybody)

    rivals: dict[str, Callable[[int], int]] = {"networkx": networkx, "impact": impact}
    report = _report(options, found, len(services), ours)
    for name, ask in rivals.items():
        seconds, counts = _time(ask, sample)
        whole = seconds / len(sample) * len(needed)
        report["engines"][name] = {
            "seconds": round(whole, 2),
            "extrapolated_from": len(sample),
            "measured_s": round(seconds, 3),
        }
        report["ratios"][name] = round(ours / whole, 3)
        if name == "impact" and counts != found.taken_down[sample].sum(axis=1).tolist():
            raise SystemExit("failing each CI of the sample does not give the same counts")
    print(json.dumps(report) if options.json else _table(report))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.weak_points")
    parser.add_argument("--cis", type=int, default=100_000)
    parser.add_argument("--relationships", type=int, default=500_000)
    parser.add_argument("--sample", type=int, default=300, help="CIs that the rivals fail")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _services(topology: Topology, seed: int) -> Indices:
    """Indices: CI ids are 1 to n, so an index is an id less one."""
    alone = np.setdiff1d(topology.ci_ids, topology.relationships.provider_id) - 1
    wanted = min(len(alone), len(topology.ci_ids) // 10)
    return np.sort(np.random.default_rng(seed).choice(alone, wanted, False)).astype(np.int32)


def _find(snapshot: GraphSnapshot, services: Indices) -> SinglePoints:
    kind = (np.arange(len(services)) % CRITICALITIES).astype(np.int32)
    return find_single_points(snapshot, services, kind, CRITICALITIES)


def _time(ask: Callable[[int], int], sample: list[int]) -> tuple[float, list[int]]:
    for ci in sample[:3]:
        ask(ci)
    start = time.perf_counter()
    counts = [ask(ci) for ci in sample]
    return time.perf_counter() - start, counts


def _report(
    options: argparse.Namespace, found: SinglePoints, services: int, seconds: float
) -> dict[str, Any]:
    taken_down = found.taken_down.sum(axis=1)
    return {
        "cis": options.cis,
        "relationships": options.relationships,
        "seed": options.seed,
        "services": services,
        "examined": found.examined,
        "single_points": int(np.count_nonzero(taken_down)),
        "groups_that_share": int(np.count_nonzero(found.shared)),
        "pairs": int(taken_down.sum()),
        "engines": {"opsatlas": {"seconds": round(seconds, 2)}},
        "ratios": {},
    }


def _table(report: dict[str, Any]) -> str:
    lines = [
        f"{report['cis']:,} CIs, {report['relationships']:,} relationships",
        f"{report['services']:,} services stand on {report['examined']:,} CIs",
        f"{report['single_points']:,} single points in {report['pairs']:,} pairs with a service",
        f"{report['groups_that_share']:,} groups with shared providers",
        f"{'engine':<12}{'seconds':>10}{'opsatlas /':>13}",
    ]
    for name, found in report["engines"].items():
        ratio = f"{report['ratios'][name]:>12.3f}×" if name in report["ratios"] else ""
        line = f"{name:<12}{found['seconds']:>10.2f}{ratio}"
        if "extrapolated_from" in found:
            line += f"  extrapolated from {found['extrapolated_from']} CIs"
        lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
