"""Documents with parts that are not what a format promises."""

import copy
from typing import Any

from hypothesis import strategies as st

ODD: list[Any] = [
    *(None, "", "x", 0, -1, 2**70, 1.5, float("nan"), float("inf"), True, [], {}),
    *([None], [[]], ["x", 3], {"": None}, {"name": {}}, {"name": "x", "kind": "Pod"}, "a\u0000\nb"),
    *("service:x", "50%", "\ud800", [[[[[]]]]], {"a": {"b": [{"c": 1}]}}),
]


def mutated(document: Any) -> st.SearchStrategy[Any]:
    """`document` with one to four of its parts replaced by something odd."""

    def apply(changes: list[tuple[int, int]]) -> Any:
        changed = copy.deepcopy(document)
        for at, odd in changes:
            places = list(_places(changed))
            parent, name = places[at % len(places)]
            parent[name] = copy.deepcopy(ODD[odd])
        return changed

    change = st.tuples(st.integers(0, 10_000), st.integers(0, len(ODD) - 1))
    return st.lists(change, min_size=1, max_size=4).map(apply)


def _places(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    else:
        return []
    found = [(value, name) for name, _ in inside]
    for _, each in inside:
        found.extend(_places(each))
    return found
