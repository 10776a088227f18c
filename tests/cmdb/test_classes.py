"""CI classes and relationship types that an installation adds or changes."""

from importlib import import_module

import pytest
from sqlalchemy import Engine

from cmdb import classes, relationship_types
from cmdb.schemas import CIClassIn, CIClassPatch, RelationshipTypeIn, RelationshipTypePatch
from cmdb.vocabulary_writes import BuiltInError
from opsatlas import revision
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import ConflictError, InvalidInputError, NotFoundError


def test_the_built_in_classes_and_types_are_those_of_a_new_database(sqlite_engine: Engine) -> None:
    rows = import_module("opsatlas.db.migrations.versions.0002_built_in_rows")
    assert {row[0] for row in rows.CI_CLASSES} == classes.BUILT_IN_CLASSES
    assert {row[0] for row in rows.RELATIONSHIP_TYPES} == relationship_types.BUILT_IN_TYPES
    with reading(sqlite_engine) as session:
        assert set(classes.class_names(session)) == classes.BUILT_IN_CLASSES
        assert classes.service_classes(session) == {
            "business_service",
            "application_service",
            "technical_service",
        }


def test_a_new_class_is_a_service_class_where_its_parent_is(engine: Engine) -> None:
    with transaction(engine) as session:
        before = revision.newest(session)
        made = classes.create_class(
            session, CIClassIn(name="api_product", parent="technical_service"), SYSTEM
        )
        other = classes.create_class(
            session, CIClassIn(name="router", parent="network_device", is_service=True), SYSTEM
        )
        assert (made.is_service, made.label, made.built_in) == (True, "Api product", False)
        assert other.is_service
        changes = revision.changed_since(session, before, ["ci_class"])
    assert changes is not None
    assert changes.ids["ci_class"]


@pytest.mark.parametrize("name", ["", "Router", "1a", "a-b", "a" * 64, "a\x00"])
def test_names_are_plain(sqlite_engine: Engine, name: str) -> None:
    with transaction(sqlite_engine) as session, pytest.raises(InvalidInputError):
        classes.create_class(session, CIClassIn(name=name, parent="server"), SYSTEM)


def test_a_parent_that_is_not_there_says_what_was_meant(sqlite_engine: Engine) -> None:
    with transaction(sqlite_engine) as session, pytest.raises(InvalidInputError) as caught:
        classes.create_class(session, CIClassIn(name="blade", parent="sever"), SYSTEM)
    assert caught.value.errors[0].pointer == "/parent"
    assert "server" in str(caught.value.hint)


def test_a_class_cannot_come_to_stand_below_itself(engine: Engine) -> None:
    with transaction(engine) as session:
        classes.create_class(session, CIClassIn(name="a", parent="server"), SYSTEM)
        classes.create_class(session, CIClassIn(name="b", parent="a"), SYSTEM)
        for parent in ("a", "b"):
            with pytest.raises(InvalidInputError):
                classes.edit_class(session, "a", CIClassPatch(parent=parent), SYSTEM)
        assert classes.get_class(session, "a").parent == "server"
        edited = classes.edit_class(session, "b", CIClassPatch(parent="database"), SYSTEM)
        assert edited.parent == "database"


def test_of_a_built_in_class_only_the_label_changes(engine: Engine) -> None:
    with transaction(engine) as session:
        assert classes.edit_class(session, "server", CIClassPatch(label="Host"), SYSTEM).label == (
            "Host"
        )
        for patch in (CIClassPatch(is_service=True), CIClassPatch(parent="database")):
            with pytest.raises(BuiltInError):
                classes.edit_class(session, "server", patch, SYSTEM)


def test_another_failure_direction_is_a_change_that_caches_hear_of(engine: Engine) -> None:
    with transaction(engine) as session:
        before = revision.newest(session)
        patch = RelationshipTypePatch.model_validate({"failure_direction": "none"})
        assert (
            relationship_types.edit_type(session, "uses", patch, SYSTEM).failure_direction == "none"
        )
        changes = revision.changed_since(session, before, ["relationship_type"])
        assert changes is not None
        assert changes.ids["relationship_type"]
        after = revision.newest(session)
        relationship_types.edit_type(session, "uses", patch, SYSTEM)
        assert revision.newest(session) == after


def test_new_types_are_found_and_taken_names_refused(engine: Engine) -> None:
    new = RelationshipTypeIn.model_validate({"name": "feeds", "failure_direction": "none"})
    with transaction(engine) as session:
        relationship_types.create_type(session, new, SYSTEM)
        assert relationship_types.type_vocabulary(session).find("Feeds") == "feeds"
        assert relationship_types.get_type(session, "feeds").label == "Feeds"
        with pytest.raises(ConflictError):
            relationship_types.create_type(session, new, SYSTEM)
        with pytest.raises(ConflictError):
            classes.create_class(session, CIClassIn(name="server", parent="generic"), SYSTEM)
        with pytest.raises(NotFoundError):
            relationship_types.edit_type(session, "fed", RelationshipTypePatch(label="x"), SYSTEM)
