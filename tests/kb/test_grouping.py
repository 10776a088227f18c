"""Which records become one suggestion, decided over plain values."""

from dataclasses import replace
from typing import Any

from kb.candidates import Candidate, Pool
from kb.grouping import group
from kb.models import RecordKind
from search.retriever import Hit

ALL = tuple(RecordKind)


def _found(number: str, score: float | None, **fields: Any) -> Candidate:
    kind = {"INC": RecordKind.INCIDENT, "KE": RecordKind.KNOWN_ERROR, "KB": RecordKind.ARTICLE}[
        number.partition("-")[0]
    ]
    hit = None if score is None else _hit(kind, number, score)
    return Candidate(kind, 1, number, number, **({"workaround": number} | fields), hit=hit)


def _hit(kind: RecordKind, number: str, score: float) -> Hit:
    hit = Hit.__new__(Hit)
    for name, value in {"kind": kind.value, "key": number, "score": score}.items():
        object.__setattr__(hit, name, value)
    return hit


def _heads(*candidates: Candidate, kinds: tuple[str, ...] = ALL) -> dict[str, list[str]]:
    pool = Pool({each.number: each for each in candidates}, {})
    return {
        each.head.number: [member.number for member in each.members] for each in group(pool, kinds)
    }


def test_incidents_stand_under_their_known_error_which_has_the_best_score_of_all() -> None:
    heads = _heads(
        _found("KE-1", 0.4),
        _found("INC-1", 0.9, known_error="KE-1"),
        _found("INC-2", 0.5, known_error="KE-1"),
        _found("INC-3", 0.8),
    )
    assert heads == {"KE-1": ["INC-1", "INC-2", "KE-1"], "INC-3": ["INC-3"]}


def test_a_known_error_that_search_did_not_find_is_suggested_for_its_incidents() -> None:
    assert _heads(_found("KE-1", None), _found("INC-1", 0.9, known_error="KE-1")) == {
        "KE-1": ["INC-1"]
    }


def test_incidents_whose_known_error_nobody_recorded_stand_for_themselves() -> None:
    assert _heads(_found("INC-1", 0.9, known_error="KE-9")) == {"INC-1": ["INC-1"]}


def test_a_duplicate_stands_under_its_original_or_the_original_s_known_error() -> None:
    heads = _heads(
        _found("INC-1", 0.9, duplicate_of=("INC-2",)), _found("INC-2", None, workaround="cure")
    )
    assert heads == {"INC-2": ["INC-1"]}
    heads = _heads(
        _found("INC-1", 0.9, duplicate_of=("INC-2",)),
        _found("INC-2", None, known_error="KE-1"),
        _found("KE-1", None),
    )
    assert heads == {"KE-1": ["INC-1"]}


def test_two_duplicates_of_each_other_do_not_go_in_circles() -> None:
    heads = _heads(
        _found("INC-1", 0.9, duplicate_of=("INC-2",)),
        _found("INC-2", 0.8, duplicate_of=("INC-1",)),
    )
    assert heads == {"INC-1": ["INC-1"], "INC-2": ["INC-2"]}


def test_nearly_the_same_solutions_are_one_and_short_ones_prove_nothing() -> None:
    cure = "restart the spooler service on the print server and clear its queue"
    heads = _heads(
        _found("INC-1", 0.9, workaround=cure),
        _found("INC-2", 0.8, workaround=cure + " twice"),
        _found("INC-3", 0.7, workaround="restarted it"),
        _found("INC-4", 0.6, workaround="restarted it"),
    )
    assert heads == {"INC-1": ["INC-1", "INC-2"], "INC-3": ["INC-3"], "INC-4": ["INC-4"]}


def test_a_record_that_says_nothing_to_do_is_left_out() -> None:
    assert _heads(_found("INC-1", 0.9, workaround="", fix="")) == {}


def test_articles_stand_for_themselves() -> None:
    assert list(_heads(_found("KE-1", 0.5), _found("KB-1", 0.6))) == ["KB-1", "KE-1"]


def test_kinds_that_are_not_wanted_do_not_lead() -> None:
    heads = _heads(
        _found("KE-1", None),
        _found("INC-1", 0.9, known_error="KE-1"),
        _found("INC-2", 0.8),
        kinds=("known_error",),
    )
    assert heads == {"KE-1": ["INC-1"]}


STORM = {"symptoms": "no space left on device under /var/log", "workaround": "rotate the logs"}


def _storm(number: str, score: float | None, host: str, **fields: Any) -> Candidate:
    named = _found(number, score, **(STORM | fields))
    return replace(named, title=f"Disk full on {host}: log volume")


def test_near_identical_incidents_are_one_though_hosts_and_short_remedies_differ() -> None:
    heads = _heads(
        _storm("INC-1", 0.9, "web-03"),
        _storm("INC-2", 0.8, "web-11", workaround="logrotate by hand"),
        _storm("INC-3", 0.7, "web-12", symptoms="I/O errors, pending sectors"),
    )
    assert heads == {"INC-1": ["INC-1", "INC-2"], "INC-3": ["INC-3"]}


def test_of_near_identical_incidents_one_that_says_what_to_do_is_shown() -> None:
    heads = _heads(_storm("INC-1", 0.9, "web-03", workaround=""), _storm("INC-2", 0.8, "web-11"))
    assert heads == {"INC-2": ["INC-1", "INC-2"]}


def test_of_near_identical_incidents_the_one_on_the_nearest_ci_is_shown() -> None:
    candidates = [_storm("INC-1", 0.9, "web-03"), _storm("INC-2", 0.8, "web-11")]
    pool = Pool({each.number: each for each in candidates}, {})
    (found,) = group(pool, ALL, lambda each: float(each.number == "INC-2"))
    assert (found.head.number, found.text_score) == ("INC-2", 0.9)


def test_a_superseded_article_stands_under_its_successor() -> None:
    old = _found("KB-1", 0.9, heir="KB-2", superseded_by=("KB-2",))
    assert _heads(old, _found("KB-2", None)) == {"KB-2": ["KB-1"]}
    assert _heads(old, _found("KB-2", 0.3)) == {"KB-2": ["KB-1", "KB-2"]}
