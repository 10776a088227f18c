"""Nearness in the dependency graph: by relationships, in both directions, never through a hub."""

from kb.proximity import CLOSENESS, HUB, MENTIONED, nearest, nearness
from tests.cmdb.builders import Graph, graph


def _hops(drawn: Graph, *names: str) -> dict[str, int]:
    near = nearness(drawn.snapshot, [drawn.ids[name] for name in names])
    return {drawn.name(ci_id): each.hops for ci_id, each in near.items()}


def test_the_same_ci_is_nearest_then_provider_and_dependent_then_siblings() -> None:
    drawn = graph("web -> app -> db -> disk -> rack -> room, report -> db?")
    assert _hops(drawn, "app") == {"app": 0, "web": 1, "db": 1, "disk": 2, "report": 2, "rack": 3}


def test_cycles_and_parallel_edges_end() -> None:
    assert _hops(graph("a -> b -> c -> a, a -> b?"), "a") == {"a": 0, "b": 1, "c": 1}


def test_no_way_leads_through_a_hub() -> None:
    many = ", ".join(f"app-{n} -> switch" for n in range(HUB + 1))
    drawn = graph(f"{many}, web -> app-0")
    hops = _hops(drawn, "web")
    assert hops == {"web": 0, "app-0": 1, "switch": 2}
    assert len(_hops(drawn, "switch")) == HUB + 3  # its own neighbours are near it


def test_of_several_cis_the_nearest_counts() -> None:
    assert _hops(graph("a -> b -> c -> d -> e"), "a", "d")["c"] == 1


def test_a_ci_that_is_only_mentioned_counts_less() -> None:
    drawn = graph("a -> b, c -> d")
    near = nearness(drawn.snapshot, [drawn.ids["a"]], {drawn.ids["c"]: 1.0})
    assert near[drawn.ids["d"]].closeness == MENTIONED * CLOSENESS[1]
    assert near[drawn.ids["b"]].closeness == CLOSENESS[1]


def test_a_retired_ci_is_near_to_itself_only() -> None:
    drawn = graph("a -> old", retired="old")
    assert _hops(drawn, "old") == {"old": 0}


def test_of_a_record_s_cis_the_nearest_is_named() -> None:
    drawn = graph("a -> b -> c")
    near = nearness(drawn.snapshot, [drawn.ids["a"]])
    found = nearest(near, {"C": drawn.ids["c"], "B": drawn.ids["b"], "unknown": None})
    assert found is not None
    assert (found[0], found[1].hops) == ("B", 1)
    assert nearest(near, {"elsewhere": 12345}) is None
