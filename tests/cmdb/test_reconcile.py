"""What a load would change, as values: no database is needed to know."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cmdb.claims import Claim, Said, said_of
from cmdb.importers.records import Kind, ParsedRecord, Where
from cmdb.incoming import STORED, Incoming, take_in
from cmdb.names import fold
from cmdb.plan import (
    Current,
    CurrentCI,
    CurrentGroup,
    CurrentRelationship,
    Missing,
    Plan,
    Rules,
    StoredRecord,
)
from cmdb.problems import Problems
from cmdb.reconcile import plan
from cmdb.relationship_words import Word
from cmdb.values import MinUp
from cmdb.vocabulary import Vocabulary

CLASSES = Vocabulary([(name, name) for name in ("server", "database", "application")])
MOMENT = datetime(2026, 11, 1, tzinfo=UTC)
TYPES = Vocabulary([("depends_on", "depends on"), ("runs_on", "runs on")])


def ci(name: str, ci_class: str = "server", **fields: Any) -> ParsedRecord:
    attributes = fields.pop("attributes", {})
    return ParsedRecord(
        Kind.CI, Where("f", 0), {"name": name, "ci_class": ci_class, **fields}, attributes
    )


def rel(dependent: str, provider: str, **fields: Any) -> ParsedRecord:
    given = {"dependent": dependent, "provider": provider, **fields}
    return ParsedRecord(Kind.RELATIONSHIP, Where("f", 0), given)


class Stored:
    """What is there, for a source called `here`."""

    def __init__(self) -> None:
        self.current = Current()

    def ci(
        self,
        name: str,
        ci_class: str = "server",
        *,
        here: str | None = None,
        elsewhere: str | None = None,
        **fields: Any,
    ) -> int:
        ci_id = len(self.current.cis) + 1
        said = {"name": name, "ci_class": ci_class, "status": "active", **fields}
        attributes = said.pop("attributes", {})
        values = tuple(said.get(field) for field in STORED)
        self.current.cis[ci_id] = CurrentCI(ci_id, fold(name), values, attributes)
        self.current.names.setdefault(fold(name), []).append(ci_id)
        statements = said_of(values, attributes)
        if here is None and elsewhere is None:
            elsewhere = f"elsewhere {ci_id}"
        if here is not None:
            self.current.keys[here] = ci_id
            self.current.in_source.add(ci_id)
            self._record(ci_id, "here", here, statements)
        if elsewhere is not None:
            self.current.other_keys.setdefault(elsewhere, set()).add(ci_id)
            self._record(ci_id, "there", elsewhere, statements)
        return ci_id

    def _record(self, ci_id: int, source: str, key: str, statements: Said) -> None:
        claim = Claim(source, key, statements, missing=False, seen_at=MOMENT)
        self.current.records.setdefault(ci_id, []).append(StoredRecord(claim, {"": 1}, None))

    def rel(
        self,
        dependent: int,
        provider: int,
        *,
        group: str | None = None,
        min_up: int = 1,
        mine: bool = True,
        others: bool = False,
        dependency: str = "required",
    ) -> int:
        relationship_id = len(self.current.relationships) + 1
        identity = (dependent, provider, "depends_on", group)
        self.current.relationships[identity] = CurrentRelationship(relationship_id, dependency)
        if group is not None:
            self.current.groups.setdefault(
                (dependent, group), CurrentGroup(len(self.current.groups) + 1, MinUp(min_up, False))
            )
        if mine:
            self.current.claimed[relationship_id] = Word(
                dependency if dependency != "required" else None,
                str(min_up) if group is not None and min_up != 1 else None,
            )
        if others:
            self.current.claimed_by_others.add(relationship_id)
        return relationship_id


def planned(stored: Stored | None, *records: ParsedRecord, **rules: Any) -> Plan:
    incoming, problems = Incoming(), Problems(100)
    placed = [
        ParsedRecord(each.kind, Where("f", row), each.fields, each.attributes)
        for row, each in enumerate(records, start=2)
    ]
    take_in(placed, incoming, problems, max_records=1000, max_depth=50)
    settled = Rules("here", CLASSES, TYPES, lambda said: [f"near-{said}"], MOMENT, **rules)
    return plan((stored or Stored()).current, incoming, settled, problems)


def codes(made: Plan) -> list[tuple[str, int | None]]:
    return [(each.code, each.row) for each in made.problems.listed()]


def test_what_is_unknown_is_created_active_under_its_key_or_name() -> None:
    made = planned(None, ci("web", key="k1"), ci("db", "Database"))
    assert [each.values[:3] for each in made.new_cis] == [
        ("web", "server", "active"),
        ("db", "database", "active"),
    ]
    assert [(each.key, each.ci) for each in made.new_records] == [("k1", -1), ("db", -2)]


def test_a_known_key_is_the_same_ci_whatever_its_name_and_class() -> None:
    stored = Stored()
    web = stored.ci("web", here="k1")
    made = planned(stored, ci("www", "application", key="k1"))
    (changed,) = made.changed_cis
    assert changed.ci.id == web
    assert changed.after == {"name": "www", "ci_class": "application"}


def test_blank_and_absent_fields_leave_what_is_there_and_null_clears_it() -> None:
    stored = Stored()
    stored.ci("web", here="web", owner="me", environment="test", attributes={"a": 1, "b": 2})
    assert planned(stored, ci("web", owner="", environment="N/A")).ci_counts.unchanged == 1
    made = planned(stored, ci("web", owner=None, attributes={"a": None, "c": 3}))
    assert made.changed_cis[0].after == {"owner": None, "attributes": {"b": 2, "c": 3}}


def test_an_unknown_key_is_the_one_living_ci_of_that_name_and_class() -> None:
    stored = Stored()
    web = stored.ci("Web", elsewhere="x")
    stored.ci("web", "database")
    stored.ci("web", status="retired")
    made = planned(stored, ci("web", key="k1"))
    assert [(each.key, each.ci) for each in made.new_records] == [("k1", web)]
    assert (made.ci_counts.created, made.ci_counts.updated) == (0, 1)


def test_a_ci_that_the_source_knows_under_another_key_is_not_taken_over_by_name() -> None:
    stored = Stored()
    stored.ci("web", here="k0")
    assert planned(stored, ci("web", key="k1")).ci_counts.created == 1


def test_without_a_key_the_case_of_the_name_does_not_matter() -> None:
    stored = Stored()
    stored.ci("web", here="web")
    made = planned(stored, ci("WEB"))
    assert made.changed_cis[0].after == {"name": "WEB"}
    assert made.new_records == []


def test_a_name_that_fits_several_cis_is_not_guessed() -> None:
    stored = Stored()
    stored.ci("web")
    stored.ci("web")
    made = planned(stored, ci("web", key="k1"), ci("db", "database"))
    assert codes(made) == [("needs_review", 2)]
    assert "1 (web)" in made.problems.listed()[0].message
    assert "2 (web)" in made.problems.listed()[0].message
    (review,) = made.reviews
    assert review.key == "k1"
    assert [each["ci"] for each in review.candidates] == [1, 2]
    assert (made.ci_counts.created, made.ci_counts.in_review) == (1, 1)


def test_two_records_that_fit_one_ci_are_not_guessed_either() -> None:
    stored = Stored()
    stored.ci("web", elsewhere="x")
    made = planned(stored, ci("web", key="k1"), ci("web", key="k2", owner="a"))
    assert codes(made) == [("needs_review", 2), ("needs_review", 3)]
    assert [each.key for each in made.reviews] == ["k1", "k2"]
    assert "line 3" in made.problems.listed()[0].message


def test_a_retired_ci_comes_back_under_its_old_identity() -> None:
    stored = Stored()
    web = stored.ci("web", here="k1", status="retired")
    made = planned(stored, ci("web", key="k1"))
    assert made.changed_cis[0].ci.id == web
    assert made.changed_cis[0].after == {"status": "active"}
    assert planned(stored, ci("web", key="k1", status="retired")).ci_counts.unchanged == 1
    made = planned(stored, ci("web", key="k1", status="planned"))
    assert made.changed_cis[0].after == {"status": "planned"}


def test_a_repeated_row_is_a_warning_and_counts_once() -> None:
    made = planned(None, ci("web"), ci("web"))
    assert (codes(made), made.ci_counts.created) == ([("duplicate_row", 3)], 1)
    assert "line 2" in made.problems.listed()[0].message


@pytest.mark.parametrize(
    "second", [ci("web", owner="b"), ci("WEB"), ci("web2", key="web"), ci("web", "database")]
)
def test_rows_with_one_key_that_differ_are_errors_that_name_each_other(
    second: ParsedRecord,
) -> None:
    made = planned(None, ci("web"), second)
    assert codes(made) == [("duplicate_key", 2), ("duplicate_key", 3)]
    assert "line 3" in made.problems.listed()[0].message
    assert made.refused


def test_of_rows_that_contradict_each_other_a_partial_load_takes_none() -> None:
    made = planned(
        None,
        *(ci("web"), ci("web", owner="b"), ci("web"), ci("a"), ci("b")),
        *(rel("a", "b"), rel("a", "b", dependency="optional"), rel("b", "a")),
        partial=True,
    )
    assert [each.values[0] for each in made.new_cis] == ["a", "b"]
    assert made.ci_counts.rejected == 3
    assert [each.identity[:2] for each in made.new_relationships] == [(-2, -1)]
    assert made.relationship_counts.rejected == 2


def test_an_unknown_class_and_type_say_what_was_meant() -> None:
    made = planned(None, ci("web", "sever"), ci("a"), ci("b"), rel("a", "b", type="depend_on"))
    assert codes(made) == [("unknown_ci_class", 2), ("unknown_relationship_type", 5)]
    assert "'server'" in str(made.problems.listed()[0].hint)
    assert "'depends_on'" in str(made.problems.listed()[1].hint)


def test_ends_are_keys_of_the_source_then_names_in_the_input_then_other_keys_then_names() -> None:
    stored = Stored()
    known = stored.ci("known", here="k-known")
    foreign = stored.ci("foreign", elsewhere="theirs")
    stored.ci("decoy", elsewhere="new one")
    made = planned(
        stored,
        ci("New One", key="k-new"),
        rel("new one", "k-known"),
        rel("k-new", "theirs"),
        rel("K-NOWN", "k-new"),
        rel("FOREIGN", "k-new"),
    )
    assert codes(made) == [("unknown_ci", 5)]
    made = planned(
        stored,
        ci("New One", key="k-new"),
        rel("new one", "k-known"),
        rel("k-new", "theirs"),
        rel("FOREIGN", "k-new"),
    )
    assert [each.identity[:2] for each in made.new_relationships] == [
        (-1, known),
        (-1, foreign),
        (foreign, -1),
    ]


def test_an_ambiguous_end_lists_the_candidates_and_an_unknown_one_near_names() -> None:
    stored = Stored()
    stored.ci("web", "server", elsewhere="a")
    stored.ci("web", "database", elsewhere="b")
    stored.ci("old", status="retired")
    made = planned(stored, ci("x"), rel("x", "web"), rel("x", "wib"), rel("x", "old"))
    ambiguous, unknown, retired = made.problems.listed()
    assert ambiguous.code == "ambiguous_ci"
    assert "1 (web, server), 2 (web, database)" in ambiguous.message
    assert (unknown.code, unknown.column, unknown.hint) == (
        "unknown_ci",
        "provider",
        "did you mean 'near-wib'?",
    )
    assert "retired" in str(retired.hint)


def test_a_ci_cannot_depend_on_itself_under_any_name() -> None:
    assert codes(planned(None, ci("web", key="k"), rel("k", "WEB"))) == [("self_relationship", 3)]


def test_cycles_are_fine() -> None:
    made = planned(None, ci("a"), ci("b"), rel("a", "b"), rel("b", "a"))
    assert made.relationship_counts.created == 2


def test_rows_that_share_dependent_and_group_form_one_group() -> None:
    made = planned(
        None,
        ci("a"),
        ci("b"),
        ci("c"),
        rel("a", "b", redundancy_group="g", min_up=2),
        rel("a", "c", redundancy_group="g"),
        rel("b", "c", redundancy_group="g"),
    )
    assert [(each.dependent, each.name, str(each.min_up)) for each in made.new_groups] == [
        (-1, "g", "2"),
        (-2, "g", "1"),
    ]


def test_two_min_up_in_one_group_reject_all_of_its_rows() -> None:
    made = planned(
        None,
        ci("a"),
        ci("b"),
        ci("c"),
        rel("a", "b", redundancy_group="g", min_up=1),
        rel("a", "c", redundancy_group="g", min_up=2),
    )
    assert codes(made) == [("conflicting_min_up", 5), ("conflicting_min_up", 6)]


def test_min_up_counts_the_members_that_are_there_and_those_that_come() -> None:
    stored = Stored()
    a, b = stored.ci("a", here="a"), stored.ci("b", here="b")
    stored.rel(a, b, group="g")
    two = planned(stored, ci("a"), ci("c"), rel("a", "c", redundancy_group="g", min_up=2))
    assert codes(two) == []
    three = planned(stored, ci("a"), ci("c"), rel("a", "c", redundancy_group="g", min_up=3))
    assert codes(three) == [("min_up_above_size", 4)]
    gone = planned(
        stored,
        ci("a"),
        ci("b"),
        ci("c"),
        rel("a", "c", redundancy_group="g", min_up=2),
        missing=Missing.RETIRE,
    )
    assert codes(gone) == [("min_up_above_size", 5)]


def test_min_up_without_a_group_is_refused() -> None:
    made = planned(None, ci("a"), ci("b"), rel("a", "b", min_up=1))
    assert codes(made) == [("min_up_without_group", 4)]


def test_another_dependency_or_min_up_updates_and_the_same_does_not() -> None:
    stored = Stored()
    a, b, c = (stored.ci(each, here=each) for each in "abc")
    one = stored.rel(a, b)
    two, three = stored.rel(a, b, group="g"), stored.rel(a, c, group="g")
    same = planned(stored, rel("a", "b"), rel("a", "b", redundancy_group="g", min_up=1))
    assert (same.relationship_counts.unchanged, same.changed_relationships) == (2, [])
    made = planned(
        stored,
        rel("a", "b", dependency="optional"),
        rel("a", "b", redundancy_group="g", min_up="100%"),
    )
    assert {each.id: each.after for each in made.changed_relationships} == {
        one: {"dependency": "optional"},
        two: {"min_up": "100%"},
        three: {"min_up": "100%"},
    }
    assert made.relationship_counts.unchanged == 0


def test_relationships_that_contradict_each_other_are_all_rejected() -> None:
    made = planned(
        None, ci("a"), ci("b"), rel("a", "b"), rel("A", "b"), rel("a", "b", dependency="optional")
    )
    assert codes(made) == [
        ("duplicate_relationship", 4),
        ("duplicate_relationship", 5),
        ("duplicate_relationship", 6),
    ]


def test_all_or_nothing_counts_what_was_rejected_and_plans_nothing() -> None:
    made = planned(None, ci("a"), ci("b", ip_address="10.0.0.300"), rel("a", "b"))
    assert codes(made) == [("invalid_ip_address", 3), ("rejected_ci", 4)]
    assert made.refused
    assert (made.new_cis, made.ci_counts.created, made.ci_counts.rejected) == ([], 0, 1)
    assert made.relationship_counts.rejected == 1


def test_partial_loads_the_good_rows_and_no_relationship_of_a_rejected_ci() -> None:
    stored = Stored()
    stored.ci("b", here="b")
    made = planned(
        stored,
        ci("a"),
        ci("b", criticality=9),
        ci("c", "sever"),
        rel("a", "b"),
        rel("a", "c"),
        partial=True,
    )
    assert not made.refused
    assert (made.ci_counts.created, made.ci_counts.rejected) == (1, 2)
    assert (made.relationship_counts.created, made.relationship_counts.rejected) == (0, 2)


def test_retire_takes_what_only_this_source_reported() -> None:
    stored = Stored()
    for number in range(8):
        stored.ci(f"s{number}", here=f"s{number}")
    lost = stored.ci("lost", here="lost")
    shared = stored.ci("shared", here="shared", elsewhere="x")
    stored.ci("never ours", elsewhere="y")
    gone = stored.ci("long gone", here="gone", status="retired")
    kept = [ci(f"s{number}") for number in range(8)]
    made = planned(stored, *kept, missing=Missing.RETIRE)
    assert [(each.ci.id, each.after) for each in made.changed_cis] == [
        (lost, {"status": "retired"})
    ]
    assert [(each.ci, each.missing) for each in made.changed_records] == [
        (lost, True),
        (shared, True),
        (gone, True),
    ]
    assert made.ci_counts.retired == 1
    assert planned(stored, *kept).ci_counts.retired == 0


def test_an_export_that_lost_too_much_stops_the_load_even_a_partial_one() -> None:
    stored = Stored()
    for number in range(10):
        stored.ci(f"s{number}", here=f"s{number}")
    records = [ci(f"s{number}") for number in range(7)]
    made = planned(stored, *records, ci("new"), missing=Missing.RETIRE, partial=True)
    assert made.refused
    assert made.problems.listed()[0].code == "too_many_retired"
    assert "3 of the 10" in made.problems.listed()[0].message
    assert made.new_cis == []


def test_relationships_that_no_source_reports_any_more_go() -> None:
    stored = Stored()
    a, b, c = (stored.ci(each, here=each) for each in "abc")
    stored.rel(a, b)
    gone = stored.rel(a, c)
    shared = stored.rel(b, c, others=True)
    foreign = stored.rel(c, b, mine=False, others=True)
    made = planned(stored, rel("a", "b"), missing=Missing.RETIRE)
    assert [each.id for each in made.removed_relationships] == [gone]
    assert made.dropped_claims == [shared]
    assert foreign not in made.dropped_claims
    assert made.ci_counts.retired == 0
    assert made.relationship_counts.retired == 1


def test_a_load_of_cis_alone_removes_no_relationship() -> None:
    stored = Stored()
    a, b = stored.ci("a", here="a"), stored.ci("b", here="b")
    stored.rel(a, b)
    made = planned(stored, ci("a"), ci("b"), missing=Missing.RETIRE)
    assert made.removed_relationships == []


def test_nothing_is_retired_where_a_row_could_not_be_read() -> None:
    stored = Stored()
    for number in range(10):
        stored.ci(f"s{number}", here=f"s{number}")
    records = [ci(f"s{number}") for number in range(9)]
    made = planned(stored, *records, ci("x", "sever"), missing=Missing.RETIRE, partial=True)
    assert made.ci_counts.retired == 0
    assert codes(made)[-1][0] == "nothing_retired"
