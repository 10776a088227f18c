"""Why a suggestion is here: good English, and nothing that its evidence does not hold."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.why import Grounds, Place, ago, shared_keys, why

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
DATABASE = Place("db-erp-01", "database", 0, 1.0)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "Little alike."),
        ({"semantic": 0.49}, "Little alike."),
        ({"semantic": 0.5}, "Similar in meaning."),
        ({"words": ["pool"]}, 'Has the word "pool".'),
        ({"words": ["pool", "full"]}, 'Has the words "pool" and "full".'),
        (
            {"words": ["a1", "b1", "c1", "d1", "e1"]},
            'Has the words "a1", "b1", "c1" and 2 more.',
        ),
        ({"words": ["a1", "b1", "c1", "d1"]}, 'Has the words "a1", "b1", "c1" and "d1".'),
        (
            {"words": ["pool", "full"], "semantic": 0.7},
            'Similar in meaning, with the words "pool" and "full".',
        ),
        ({"words": ["pool"], "semantic": 0.7}, 'Similar in meaning, with the word "pool".'),
        (
            {"words": ["archiver", "ora-00257"], "keys": ["ORA-00257"], "semantic": 0.7},
            "Same error (ORA-00257).",
        ),
        ({"words": ["archiver"], "keys": ["ORA-00257"]}, 'Has the word "archiver".'),
        ({"words": ["502"], "keys": ["502"]}, 'Has the word "502".'),
        ({"words": ["1045"], "keys": ["1045"]}, 'Has the word "1045".'),
        ({"words": ["502", "etx"], "keys": ["ETX"]}, 'Has the word "etx".'),
        (
            {"words": ["non-replication", "replication", "slots", "44"]},
            'Has the words "non-replication" and "slots".',
        ),
        (
            {"words": ["econnrefused", "etimedout"], "keys": ["ECONNREFUSED", "ETIMEDOUT"]},
            "Same errors (ECONNREFUSED and ETIMEDOUT).",
        ),
        (
            {"words": ["aaaa", "bbbb", "cccc"], "keys": ["AAAA", "BBBB", "CCCC"]},
            "Same errors (AAAA and 2 more).",
        ),
        ({"place": DATABASE}, "Little alike, but on the same database, db-erp-01."),
        (
            {"place": DATABASE, "semantic": 0.6},
            "Similar in meaning, on the same database, db-erp-01.",
        ),
        (
            {"place": replace(DATABASE, ci_class="network_device"), "semantic": 0.6},
            "Similar in meaning, on the same network device, db-erp-01.",
        ),
        (
            {"place": replace(DATABASE, ci_class=None), "semantic": 0.6},
            "Similar in meaning, on the same CI, db-erp-01.",
        ),
        (
            {"place": replace(DATABASE, ci_class="generic"), "semantic": 0.6},
            "Similar in meaning, on the same CI, db-erp-01.",
        ),
        (
            {"place": Place("erp", "database", 1, 0.7), "semantic": 0.6},
            "Similar in meaning, on erp, 1 relationship away.",
        ),
        (
            {"place": Place("erp", "database", 2, 0.4), "semantic": 0.6},
            "Similar in meaning, on erp, 2 relationships away.",
        ),
        (
            {"place": replace(DATABASE, closeness=0.55), "semantic": 0.6},
            "Similar in meaning, on db-erp-01, which the text seems to name.",
        ),
        (
            {"place": replace(DATABASE, closeness=0.6), "semantic": 0.6},
            "Similar in meaning, on the same database, db-erp-01.",
        ),
        (
            {"semantic": 0.6, "last_seen": NOW - timedelta(weeks=3)},
            "Similar in meaning, last seen 3 weeks ago.",
        ),
        ({"semantic": 0.6, "last_seen": NOW + timedelta(days=1)}, "Similar in meaning."),
        ({"semantic": 0.6, "solved": 1}, "Similar in meaning; it helped once."),
        ({"semantic": 0.6, "solved": 2}, "Similar in meaning; it helped 2 times."),
        ({"semantic": 0.6, "not_helped": 1}, "Similar in meaning; it failed once."),
        (
            {"semantic": 0.6, "solved": 6, "not_helped": 1, "deed": "restarting the pool"},
            "Similar in meaning; restarting the pool helped 6 times and failed once.",
        ),
        ({"semantic": 0.6, "deed": "restarting the pool"}, "Similar in meaning."),
        (
            {
                "keys": ["ORA-00257"],
                "words": ["ora-00257", "archiver"],
                "semantic": 0.8,
                "place": DATABASE,
                "last_seen": NOW - timedelta(days=21),
                "solved": 6,
                "not_helped": 1,
                "deed": "restarting the archiver",
            },
            (
                "Same error (ORA-00257) on the same database, db-erp-01, last seen 3 weeks ago;"
                " restarting the archiver helped 6 times and failed once."
            ),
        ),
        (
            {"place": Place("two\nlines", "server", 0, 1.0), "words": ["a\tb"]},
            'Has the word "a b", on the same server, two lines.',
        ),
    ],
)
def test_the_sentence_says_what_the_grounds_hold(given: dict[str, Any], sentence: str) -> None:
    assert why(Grounds(**given), NOW) == sentence


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (0, "today"),
        (1, "yesterday"),
        (2, "2 days ago"),
        (13, "13 days ago"),
        (14, "2 weeks ago"),
        (21, "3 weeks ago"),
        (60, "8 weeks ago"),
        (61, "2 months ago"),
        (365, "11 months ago"),
        (729, "23 months ago"),
        (730, "1 year ago"),
        (731, "2 years ago"),
        (-1, None),
    ],
)
def test_times_are_told_as_people_say_them(days: int, told: str | None) -> None:
    assert ago(NOW - timedelta(days=days), NOW) == told


def test_an_hour_ago_may_have_been_yesterday_and_an_hour_to_come_is_not_told() -> None:
    midnight = NOW.replace(hour=0)
    assert ago(midnight - timedelta(hours=1), midnight) == "yesterday"
    assert ago(midnight + timedelta(hours=1), midnight) is None


def test_keys_are_shared_whatever_their_case_and_bare_numbers_prove_nothing() -> None:
    assert shared_keys(["ORA-00257", "502", "ETX", "ENOSPC"], ["ora-00257", "502", "etx"]) == [
        "ORA-00257"
    ]


_WORDS = st.lists(st.sampled_from(["pool", "ora-00257", "enospc", "502", "queue"]), unique=True)
_GROUNDS = st.builds(
    Grounds,
    keys=st.lists(st.sampled_from(["ORA-00257", "ENOSPC", "502"]), unique=True),
    words=_WORDS,
    semantic=st.none() | st.floats(0, 1),
    place=st.none()
    | st.builds(
        Place,
        st.just("db-erp-01"),
        st.none() | st.just("database"),
        st.integers(0, 3),
        st.floats(0, 1),
    ),
    last_seen=st.none() | st.integers(-900, 900).map(lambda days: NOW - timedelta(days=days)),
    solved=st.integers(0, 9),
    not_helped=st.integers(0, 9),
    deed=st.none() | st.just("restarting the pool"),
)


@given(_GROUNDS)
def test_nothing_is_claimed_without_its_evidence(grounds: Grounds) -> None:
    said = why(grounds, NOW)
    place, seen = grounds.place, grounds.last_seen
    for word in ("ORA-00257", "ENOSPC", "pool", "queue", "502"):
        named = f'"{word}"' in said or f"({word}" in said or f"and {word})" in said
        assert not named or word.lower() in grounds.words
    if "Same error" in said:
        assert {"ora-00257", "enospc"} & {*map(str.lower, grounds.keys)} & {*grounds.words}
    if "Similar in meaning" in said:
        assert grounds.semantic is not None
        assert grounds.semantic >= 0.5
    if "on the same" in said:
        assert place is not None
        assert place.hops == 0
        assert place.closeness >= 0.6
    assert ("db-erp-01" in said) == (place is not None)
    assert ("last seen" in said) == (seen is not None and seen <= NOW)
    assert ("helped" in said) == bool(grounds.solved)
    assert ("failed" in said) == bool(grounds.not_helped)
    assert "restarting" not in said or grounds.solved or grounds.not_helped
    told = {int(count) for count in re.findall(r"(\d+) times", said)}
    assert told == {n for n in (grounds.solved, grounds.not_helped) if n > 1}


@given(_GROUNDS)
def test_it_is_one_sentence_and_always_the_same(grounds: Grounds) -> None:
    said = why(grounds, NOW)
    assert said == why(grounds, NOW)
    assert re.fullmatch(r"[A-Z][^\n]*[^.,; ]\.", said)
    assert not re.search(r"\b1 (?:times|weeks|days|months|years|relationships)\b|  |,,| ,", said)
