"""`IdMap` does what a dict does."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from search import id_map
from search.id_map import MISSING, IdMap

IDS = st.integers(0, 30) | st.integers(2**40, 2**40 + 5)
NUMBERS = st.integers(0, 2**40)


class BesideADict(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.dict: dict[int, int] = {}
        self.map = IdMap()

    @rule(of=st.dictionaries(IDS, NUMBERS))
    def start_anew(self, of: dict[int, int]) -> None:
        self.dict = dict(of)
        self.map = IdMap(np.array(list(of), np.int64), np.array(list(of.values()), dtype=np.int64))

    @rule(id_=IDS, number=NUMBERS)
    def put(self, id_: int, number: int) -> None:
        self.dict[id_] = number
        self.map.put(id_, number)

    @rule(of=st.dictionaries(IDS, NUMBERS))
    def put_all(self, of: dict[int, int]) -> None:
        self.dict |= of
        self.map.put_all(of, of.values())

    @rule(id_=IDS)
    def pop(self, id_: int) -> None:
        assert self.map.pop(id_) == self.dict.pop(id_, MISSING)

    @invariant()
    def both_hold_the_same(self) -> None:
        ids, numbers = self.map.items()
        assert dict(zip(ids.tolist(), numbers.tolist(), strict=True)) == self.dict
        assert len(ids) == len(self.map) == len(self.dict)

    @rule(ids=st.lists(IDS))
    def ask(self, ids: list[int]) -> None:
        asked = np.array(ids, np.int64)
        expected = [self.dict.get(each, MISSING) for each in ids]
        assert self.map.of(asked).tolist() == expected
        assert [self.map.get(each) for each in ids] == expected
        assert [each in self.map for each in ids] == [each in self.dict for each in ids]


TestBesideADict = BesideADict.TestCase
TestBesideADict.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.fixture(autouse=True)
def few_new_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_map, "_FEW", 4)


def test_what_it_was_made_of_stays_as_it_is() -> None:
    ids, numbers = np.array([1, 2], np.int64), np.array([7, 8], np.int64)
    made = IdMap(ids, numbers)
    made.put(1, 9)
    made.pop(2)
    assert numbers.tolist() == [7, 8]
