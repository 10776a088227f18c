"""How near incidents are by the CIs that they are about."""

import numpy as np
import pytest

from kb.places import SIBLINGS, places_between
from kb.proximity import CLOSENESS, HUB
from tests.cmdb.builders import Graph, graph


def _ids(found: Graph, *names: str) -> list[int]:
    return [found.ids[name] for name in names]


def test_incidents_are_as_near_as_their_nearest_cis() -> None:
    shop = graph("checkout -> api -> db, mail -> relay")
    places = places_between(
        shop.snapshot,
        [_ids(shop, "db"), _ids(shop, "api", "mail"), _ids(shop, "checkout"), _ids(shop, "relay")],
    )
    same, next_to, two, far = 1.0, CLOSENESS[1], CLOSENESS[2], 0.0
    expected = [
        [same, next_to, two, far],
        [next_to, same, next_to, next_to],
        [two, next_to, same, far],
        [far, next_to, far, same],
    ]
    assert np.allclose(places.near, expected)
    assert (places.apart == (np.array(expected) == 0)).all()


def test_an_incident_without_a_ci_is_neither_near_nor_apart() -> None:
    shop = graph("checkout -> api")
    places = places_between(shop.snapshot, [_ids(shop, "api"), [], [999_999]])
    assert places.near[0].tolist() == [1.0, 0.0, 0.0]
    assert places.apart[0].tolist() == [0.0, 0.0, 1.0]
    assert not places_between(shop.snapshot, [[], []]).near.any()


def test_what_stands_on_one_provider_is_near_however_many_stand_on_it() -> None:
    crowd = ", ".join(f"pod{n} -> node" for n in range(HUB + 20))
    found = graph(crowd)
    places = places_between(found.snapshot, [_ids(found, "pod1"), _ids(found, "pod2")])
    assert places.near[0, 1] == pytest.approx(SIBLINGS)
