"""Whose word counts for a relationship and its group: by hand, then the more trusted source."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Engine, select, text

from cmdb.merge import merge
from cmdb.models import Relationship
from cmdb.precedence import set_precedence
from cmdb.relationship_reads import get_relationship
from cmdb.relationship_settling import settle_said_by_several
from cmdb.relationships import delete_relationship, update_relationship
from cmdb.schemas import RelationshipOut, RelationshipPatch
from cmdb.undo import undo
from cmdb.unmerge import unmerge
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.inventories import contents, load_texts

CIS = "name,ci_class\nweb,application\ndb1,database\ndb2,database\n"
HEAD = "dependent,provider,dependency,redundancy_group,min_up\n"


def say(engine: Engine, source: str, dependency: str, min_up: str, **options: Any) -> int:
    rows = f"web,db1,{dependency},pair,{min_up}\nweb,db2,{dependency},pair,\n"
    return load_texts(engine, CIS, HEAD + rows, source=source, **options).id or 0


def first(engine: Engine) -> RelationshipOut:
    with reading(engine) as session:
        return get_relationship(session, min(session.scalars(select(Relationship.id))))


def values(engine: Engine) -> tuple[str, int | str | None]:
    found = first(engine)
    return found.dependency.value, found.min_up


def trust(engine: Engine, name: str, *sources: str) -> None:
    with transaction(engine) as session:
        set_precedence(session, name, sources, SYSTEM)
        settle_said_by_several(session, SYSTEM, revision_keep=10)


def patch(engine: Engine, **fields: Any) -> None:
    with transaction(engine) as session:
        row = min(session.scalars(select(Relationship.id)))
        update_relationship(session, row, RelationshipPatch(**fields), SYSTEM)


def test_the_source_that_was_there_first_counts_until_an_order_is_set(engine: Engine) -> None:
    say(engine, "one", "optional", "2")
    say(engine, "two", "required", "50%")
    assert values(engine) == ("optional", 2)
    trust(engine, "dependency", "two")
    assert values(engine) == ("required", 2)
    trust(engine, "min_up", "two")
    assert values(engine) == ("required", "50%")
    trust(engine, "min_up")
    assert values(engine) == ("required", 2)
    said = [(each.source, each.dependency, each.min_up) for each in first(engine).said or ()]
    assert said == [("one", "optional", "2"), ("two", "required", "50%")]


def test_a_more_trusted_source_that_says_nothing_leaves_it_to_the_other(engine: Engine) -> None:
    say(engine, "one", "", "")
    say(engine, "two", "optional", "2")
    assert values(engine) == ("optional", 2)
    say(engine, "one", "required", "1")
    assert values(engine) == ("required", 1)
    say(engine, "one", "", "")  # blank cells leave what it said
    assert values(engine) == ("required", 1)


def test_a_source_that_no_longer_has_the_relationship_no_longer_speaks_of_it(
    engine: Engine,
) -> None:
    say(engine, "one", "optional", "2")
    say(engine, "two", "required", "1")
    before = contents(engine)
    report = load_texts(engine, CIS, HEAD + "db1,db2,,,\n", source="one", missing="retire")
    assert values(engine) == ("required", 1)
    with transaction(engine) as session:
        undo(session, report.id or 0, SYSTEM, revision_keep=10)
    assert contents(engine) == before
    assert values(engine) == ("optional", 2)


def test_undoing_a_load_brings_back_what_its_source_said_before(engine: Engine) -> None:
    say(engine, "one", "optional", "2")
    before = contents(engine)
    second = say(engine, "one", "required", "50%")
    third = say(engine, "one", "optional", "1")
    with transaction(engine) as session:
        found = undo(session, second, SYSTEM, revision_keep=10)
    assert {each.what.split()[0] for each in found.conflicts} == {"dependency", "min_up"}
    assert values(engine) == ("optional", 1)
    with transaction(engine) as session:
        undo(session, third, SYSTEM, revision_keep=10)
    assert contents(engine) == before


def test_what_a_person_writes_wins_until_it_is_given_back(engine: Engine) -> None:
    say(engine, "one", "required", "1")
    before = contents(engine)
    patch(engine, dependency="optional", min_up=2)
    say(engine, "one", "required", "50%")
    assert values(engine) == ("optional", 2)
    assert first(engine).sources == ["manual", "one"]
    patch(engine, dependency=None, min_up=None)
    assert values(engine) == ("required", "50%")
    assert first(engine).sources == ["one"]
    say(engine, "one", "required", "1")
    assert contents(engine) == before


def test_a_relationship_that_leaves_its_group_no_longer_speaks_of_it(engine: Engine) -> None:
    say(engine, "one", "required", "2")
    patch(engine, redundancy_group="other")
    assert values(engine) == ("required", 1)
    with transaction(engine) as session:
        rows = sorted(session.scalars(select(Relationship.id)))
        assert get_relationship(session, rows[1]).min_up == 2
        delete_relationship(session, rows[1], SYSTEM)
    assert contents(engine)["groups"] == 1


@pytest.mark.parametrize("trusted", ["one", "two"])
def test_a_merge_lets_the_more_trusted_source_speak_and_undoing_it_restores_all(
    engine: Engine, trusted: str
) -> None:
    cis = "key,name,ci_class\nw,web,application\na,{0}a,server\nb,{0}b,server\n"
    edges = HEAD + "w,a,{0},g,{1}\nw,b,,g,\n"
    load_texts(engine, cis.format("x"), edges.format("optional", 2), source="one")
    load_texts(engine, cis.format("y"), edges.format("required", "50%"), source="two")
    trust(engine, "*", trusted)
    before = contents(engine)
    with reading(engine) as session:
        rows = session.execute(text("SELECT name, id FROM configuration_item"))
        found = {row.name: row.id for row in rows}
    with transaction(engine) as session:
        report = merge(session, found["ya"], found["xa"], SYSTEM, revision_keep=10)
    assert values(engine) == (("optional", 2) if trusted == "one" else ("required", "50%"))
    with transaction(engine) as session:
        assert unmerge(session, report.id or 0, SYSTEM, revision_keep=10).conflicts == []
    assert contents(engine) == before


def test_values_from_before_words_were_kept_stay_until_a_source_says_something(
    engine: Engine,
) -> None:
    say(engine, "one", "optional", "2")
    say(engine, "two", "", "")
    with transaction(engine) as session:
        session.execute(text("UPDATE relationship_source SET dependency = NULL, min_up = NULL"))
    with engine.begin() as connection, Operations.context(MigrationContext.configure(connection)):
        import_module("opsatlas.db.migrations.versions.0004_relationship_words").upgrade()
    assert values(engine) == ("optional", 2)
    trust(engine, "*", "two")
    assert values(engine) == ("optional", 2)
    said = [(each.source, each.dependency, each.min_up) for each in first(engine).said or ()]
    assert said == [("one", None, None), ("two", "optional", "2")]
    say(engine, "one", "required", "")
    assert values(engine) == ("optional", 2)
    trust(engine, "*")
    assert values(engine) == ("required", 2)
