"""`HeldDocuments` knows what a dict of tuples would, whatever was put, taken out and saved."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from search import id_map
from search.held_documents import Held, HeldDocuments
from search.shelves import Shelf

SHELVES = [Shelf("incident"), Shelf("article"), Shelf("incident", "storage")]
NOTHING = Held(Shelf(""))


class BesideADict(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.dict: dict[int, Held] = {}
        self.held = HeldDocuments()
        self.passages = 0

    @rule(
        id_=st.integers(1, 12),
        shelf=st.sampled_from(SHELVES),
        count=st.integers(0, 3),
        has_title=st.booleans(),
    )
    def put(self, id_: int, shelf: Shelf, count: int, has_title: bool) -> None:
        passages = tuple(range(self.passages, self.passages + count))
        self.passages += count
        assert self.held.pop(id_) == self.dict.pop(id_, None)
        self.dict[id_] = Held(shelf, passages, has_title)
        self.held.put(id_, self.dict[id_])

    @rule(id_=st.integers(1, 12))
    def pop(self, id_: int) -> None:
        assert self.held.pop(id_) == self.dict.pop(id_, None)

    @rule()
    def save(self) -> None:
        self.held = HeldDocuments(self.held.parts())

    @invariant()
    def both_know_the_same(self) -> None:
        ids = list(range(14))
        assert self.held.of(ids) == [self.dict.get(each, NOTHING) for each in ids]
        owners = {each: id_ for id_, held in self.dict.items() for each in held.passages}
        assert self.held.owners(np.array(list(owners), np.int64)) == list(owners.values())


TestBesideADict = BesideADict.TestCase
TestBesideADict.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.fixture(autouse=True)
def few_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_map, "_FEW", 3)


def test_shelves_without_documents_are_not_saved() -> None:
    held = HeldDocuments()
    held.put(1, Held(SHELVES[0], (1,)))
    held.put(2, Held(SHELVES[1], (2,)))
    held.pop(1)
    assert held.parts().shelves == [SHELVES[1]]
