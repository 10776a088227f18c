"""What a view shows, folds and says; see docs/views.md."""

from __future__ import annotations

import numpy as np
import pytest

from cmdb.inventory import NoSuchCIError
from cmdb.view import ViewQuestion, view_of
from cmdb.view_folds import LEVELS, ROOM
from cmdb.view_schemas import View
from cmdb.view_tree import tree
from cmdb.view_walk import DEEPEST
from opsatlas.errors import InvalidInputError
from tests.cmdb.builders import graph
from tests.cmdb.viewing import Drawn, view


def lines(found: View) -> list[str]:
    """The tree, without the counts behind it."""
    text = "".join(tree(found))
    return text[: text.index("\n\n")].split("\n")


def fan(of: str, below: str, count: int) -> str:
    return ", ".join(f"{of} -> {below}-{number}" for number in range(count))


def test_a_ci_opens_out_once_where_the_way_to_it_is_shortest() -> None:
    shop = graph("shop -> app -> db -> disk, shop -> batch -> app, shop -> db")
    assert lines(view(shop, "shop")) == [
        "shop (server)",
        "├─ app (server) · depends_on",
        "│  └─ db (server) · depends_on · see below",
        "├─ batch (server) · depends_on",
        "│  └─ app (server) · depends_on · see above",
        "└─ db (server) · depends_on",
        "   └─ disk (server) · depends_on",
    ]


def test_groups_have_a_line_of_their_own_and_optional_providers_a_mark() -> None:
    shop = graph("shop -> {api-1 api-2}/1, shop -> mail?")
    assert lines(view(shop, "shop")) == [
        "shop (server)",
        "├─ mail (server) · depends_on, optional",
        "└─ group group-900: 1 of 2 must be up",
        "   ├─ api-1 (server) · depends_on",
        "   └─ api-2 (server) · depends_on",
    ]
    assert lines(view(shop, "api-1", direction="dependents")) == [
        "api-1 (server)",
        "└─ shop (server) · depends_on, group group-900 needs 1 of 2",
    ]


def test_a_circle_ends_where_it_began() -> None:
    ring = graph("a -> b -> c -> a")
    assert lines(view(ring, "a")) == [
        "a (server)",
        "└─ b (server) · depends_on",
        "   └─ c (server) · depends_on",
        "      └─ a (server) · depends_on · see above",
    ]


def test_a_view_that_ends_at_a_depth_says_how_much_goes_on() -> None:
    chain = graph("a -> b -> c, b -> d")
    assert lines(view(chain, "a", depth=1)) == [
        "a (server)",
        "└─ b (server) · depends_on · 2 more",
    ]
    assert not view(chain, "a", depth=1).truncated
    cut = view(chain, "a", max_nodes=3)
    assert (cut.truncated, [node.name for node in cut.nodes]) == (True, ["a", "b", "c"])
    assert "There is more" in "".join(tree(cut))


def test_many_children_of_a_class_are_one_and_what_is_beneath_them_is_counted() -> None:
    wide = graph(
        f"{fan('shop', 'box', 40)}, shop -> db, box-1 -> hv-1, box-2 -> hv-2, hv-2 -> rack"
    )
    found = view(wide, "shop", {"box": "container", "hv": "hypervisor", "rack": "rack"})
    assert lines(found) == [
        "shop (server)",
        "├─ db (server) · depends_on",
        "└─ 40 × container",
        "   ├─ 2 × hypervisor beneath",
        "   └─ 1 × rack beneath",
    ]
    assert [(edge.provider, edge.count) for edge in found.edges if edge.count > 1] == [
        ("fold-1", 40),
        ("fold-2", 2),
    ]
    assert found.counts.configuration_items == 45
    assert len(view(wide, "shop", fold=41).folded) == 0
    assert len(view(wide, "shop", fold=0).nodes) == 45


def test_a_group_that_is_folded_still_says_how_many_must_be_up() -> None:
    members = " ".join(f"box-{number}" for number in range(30))
    found = view(graph(f"shop -> {{{members}}}/20"), "shop", {"box": "container"})
    assert lines(found) == [
        "shop (server)",
        "└─ group group-900: 20 of 30 must be up",
        "   └─ 30 × container",
    ]


def test_a_large_view_stays_short_and_counts_everything() -> None:
    """Five providers each, never more than ten of a class: only the levels can be folded."""
    size = 5_000
    text = (
        f"{number} -> {5 * number + each}" for number in range(size // 5) for each in range(1, 6)
    )
    found = view(graph(", ".join(text)), "0")
    assert len(found.nodes) + len(found.folded) <= ROOM
    (further,) = found.folded
    assert further.kind == "further"
    assert len(found.nodes) + further.count == found.counts.configuration_items == size + 1
    assert lines(found)[-1] == f"└─ {further.count:,} × server further on"
    assert sum("to what is folded" in line for line in lines(found)) > 0


def test_a_deep_chain_is_folded_and_unfolded_lines_do_not_run_away() -> None:
    chain = graph(" -> ".join(f"n{number}" for number in range(300)))
    folded = view(chain, "n0")
    assert [each.count for each in folded.folded] == [300 - LEVELS - 1]
    assert max(map(len, lines(view(chain, "n0", fold=0)))) < 140
    assert len(lines(view(chain, "n0", fold=0))) == 300


def test_a_chain_deeper_than_any_company_is_cut_and_says_so() -> None:
    chain = graph(" -> ".join(f"n{number}" for number in range(DEEPEST + 10)))
    found = view(chain, "n0")
    assert (found.truncated, found.counts.configuration_items) == (True, DEEPEST + 1)
    assert not view(chain, "n20").truncated


def test_a_name_is_never_more_than_its_line() -> None:
    inventory = Drawn(graph("a -> b").snapshot, {100: "two\nlines \x1b[31m", 101: "└─ x"})
    found = view_of(inventory, None, ViewQuestion(100), 10)
    assert lines(found)[0] == r"two\nlines \x1b[31m (server)"


def test_a_retired_ci_and_too_many_nodes_are_problems() -> None:
    drawn = graph("a -> b", retired="b")
    with pytest.raises(NoSuchCIError):
        view(drawn, "b")
    with pytest.raises(InvalidInputError, match="max_nodes"):
        view(drawn, "a", max_nodes=100_001)


def test_folds_tell_criticalities() -> None:
    found = view(graph(fan("shop", "box", 12)), "shop")
    (box,) = found.folded
    assert box.criticalities == {"1": 3, "2": 3, "3": 3, "4": 3}
    assert np.isclose(box.distance, 1)
