"""Caches stay in step: revisions and the change table, on both databases."""

from sqlalchemy import Engine, func, select

from opsatlas import revision
from opsatlas.db.transaction import reading, transaction


def test_a_cache_hears_of_what_changed_after_the_revision_that_it_holds(engine: Engine) -> None:
    with transaction(engine) as session:
        first = revision.note(session, "ci", [1, 2])
    with transaction(engine) as session:
        second = revision.note(session, "ci", [2, 3])
        revision.note(session, "document", [9])
    with reading(engine) as session:
        changes = revision.changed_since(session, first, ["ci"])
    assert second == first + 1
    assert changes is not None
    assert changes.ids == {"ci": {2, 3}}
    assert changes.revision == second + 1


def test_many_changes_at_once_ask_for_a_rebuild(engine: Engine) -> None:
    with transaction(engine) as session:
        revision.note(session, "ci", range(1, revision.BULK_THRESHOLD + 2))
    with reading(engine) as session:
        assert revision.changed_since(session, 0, ["ci"]) is None
        assert revision.changed_since(session, 0, ["document"]) is not None


def test_a_load_names_what_it_changed_until_later_loads_thin_that_out(engine: Engine) -> None:
    many = range(1, revision.BULK_THRESHOLD + 2)
    for _ in range(12):
        with transaction(engine) as session:
            newest = revision.note(session, "ci", many, most=revision.NAMED_IN_A_LOAD)
    with reading(engine) as session:
        recent = revision.changed_since(session, newest - 5, ["ci"])
        assert revision.changed_since(session, 0, ["ci"]) is None
        rows = session.scalar(select(func.count()).select_from(revision.RevisionChange))
    assert recent is not None
    assert recent.ids == {"ci": set(many)}
    assert rows is not None
    assert rows < 10 * len(many)


def test_a_cache_older_than_the_change_table_must_rebuild(engine: Engine) -> None:
    for number in range(1, 300):
        with transaction(engine) as session:
            revision.note(session, "ci", [number], keep=10)
    with reading(engine) as session:
        assert revision.changed_since(session, 5, ["ci"]) is None
        recent = revision.changed_since(session, 297, ["ci"])
    assert recent is not None
    assert recent.ids == {"ci": {298, 299}}


def test_a_cache_newer_than_the_database_must_rebuild(engine: Engine) -> None:
    with reading(engine) as session:
        assert revision.changed_since(session, 7, ["ci"]) is None


def test_a_unit_of_work_that_fails_takes_no_revision(engine: Engine) -> None:
    try:
        with transaction(engine) as session:
            revision.note(session, "ci", [1])
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    with reading(engine) as session:
        assert revision.newest(session) == 0


def test_a_cache_may_ask_whether_anything_else_changed(engine: Engine) -> None:
    with transaction(engine) as session:
        first = revision.note(session, "ci", [1])
    with transaction(engine) as session:
        second = revision.note(session, "ci_state", [1])
    with transaction(engine) as session:
        revision.note(session, "ci", [2])
        later = revision.note(session, "ci_state", range(1, 5000))
    with reading(engine) as session:
        assert not revision.changed_only(session, first, ["ci_state"])
        assert not revision.changed_only(session, second, ["ci_state"])
        assert revision.changed_only(session, later - 1, ["ci_state"])
        assert not revision.changed_only(session, later + 1, ["ci_state"]), "a restored backup"
