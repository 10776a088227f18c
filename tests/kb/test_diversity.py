"""The first five suggestions: different causes, and nothing worse only to be different."""

from hypothesis import given
from hypothesis import strategies as st

from kb.diversity import ALIKE, FIRST, LAMBDA, diverse

Entry = tuple[str, float, str]


def _order(*entries: Entry) -> list[str]:
    ranked = sorted(entries, key=lambda each: -each[1])
    return [each[0] for each in diverse(ranked, lambda each: each[1], lambda each: each[2])]


def test_what_repeats_a_better_one_stands_behind_others_of_like_score() -> None:
    cure = "restart the print spooler on the server"
    assert _order(
        ("a", 0.9, cure),
        ("b", 0.88, f"{cure} again"),
        ("c", 0.86, f"{cure} twice"),
        ("d", 0.8, "replace the toner of the printer"),
        ("e", 0.3, "call the vendor and wait"),
    ) == ["a", "d", "b", "c", "e"]


def test_what_is_little_alike_keeps_its_place() -> None:
    assert _order(
        ("a", 0.9, "restart the print spooler on the server"),
        ("b", 0.5, "restart the mail relay and flush its queue"),
        ("c", 0.4, ""),
        ("d", 0.4, ""),
    ) == ["a", "b", "c", "d"]


def _similarity(one: str, other: str) -> float:
    mine, theirs = (
        frozenset(word for word in text.split() if len(word) > 2) for text in (one, other)
    )
    return len(mine & theirs) / len(mine | theirs) if mine and theirs else 0.0


def _slow(ranked: list[Entry]) -> list[Entry]:
    """Maximal marginal relevance as it is written in the paper, on the first twenty."""
    rest = ranked[:20]
    chosen: list[Entry] = []
    while rest and len(chosen) < FIRST:
        values = []
        for entry in rest:
            alike = [_similarity(entry[2], other[2]) for other in chosen]
            likeness = max((each for each in alike if each >= ALIKE), default=0.0)
            values.append(LAMBDA * entry[1] - (1 - LAMBDA) * likeness)
        chosen.append(rest.pop(values.index(max(values))))
    return chosen + rest + ranked[20:]


_TEXTS = st.lists(st.sampled_from(["disk", "pool", "mail", "relay", "gc"]), max_size=4).map(
    " ".join
)
_RANKED = st.lists(st.tuples(st.uuids().map(str), st.floats(0, 1), _TEXTS), max_size=25)


@given(_RANKED)
def test_it_is_maximal_marginal_relevance_of_near_identical_texts(entries: list[Entry]) -> None:
    ranked = sorted(entries, key=lambda each: -each[1])
    found = diverse(ranked, lambda each: each[1], lambda each: each[2])
    assert found == _slow(ranked)
    assert sorted(found) == sorted(ranked)
    assert found[:1] == ranked[:1]
