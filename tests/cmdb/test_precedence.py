"""Whose value wins: manual ones, then the more trusted source, as long as it is fresh."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select, update

from cmdb.claims import Claim, Precedence, effective
from cmdb.incoming import STORED
from cmdb.inventory import get_ci
from cmdb.items import retire_ci, update_ci
from cmdb.manual import release
from cmdb.models import ConfigurationItem, ExternalKey, Source
from cmdb.precedence import list_precedence, set_precedence, several_sources
from cmdb.provenance import provenance
from cmdb.recompute import recompute
from cmdb.schemas import CIOut, CIPatch
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import InvalidInputError
from tests.cmdb.inventories import load_texts

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def the_ci(engine: Engine) -> CIOut:
    with reading(engine) as session:
        return get_ci(session, session.scalars(select(ConfigurationItem.id)).one())


def one_and_two(engine: Engine) -> None:
    load_texts(engine, "name,ci_class,owner,os\nweb,server,One,\n", source="one")
    load_texts(engine, "name,ci_class,owner,os,site\nweb,server,Two,linux,HAM\n", source="two")


def trusting(engine: Engine, attribute: str, *sources: str) -> CIOut:
    with transaction(engine) as session:
        set_precedence(session, attribute, sources, SYSTEM)
        recompute(session, list(several_sources(session)), SYSTEM, revision_keep=10)
    return the_ci(engine)


def test_without_an_order_the_source_that_was_there_first_wins_and_others_fill_gaps(
    engine: Engine,
) -> None:
    one_and_two(engine)
    found = the_ci(engine)
    assert (found.owner, found.attributes) == ("One", {"os": "linux", "site": "HAM"})
    again = load_texts(
        engine, "name,ci_class,owner,os,site\nweb,server,Two,linux,HAM\n", source="two"
    )
    assert again.configuration_items.unchanged == 1


def test_an_order_decides_for_one_attribute_or_all_and_at_once(engine: Engine) -> None:
    one_and_two(engine)
    assert trusting(engine, "owner", "two", "one").owner == "Two"
    assert trusting(engine, "owner").owner == "One"
    assert trusting(engine, "*", "two").owner == "Two"
    assert trusting(engine, "owner", "one").owner == "One"
    with reading(engine) as session:
        assert [each.attribute for each in list_precedence(session)] == ["*", "owner"]


def test_a_source_that_has_not_seen_a_ci_for_too_long_gives_way(engine: Engine) -> None:
    one_and_two(engine)
    with transaction(engine) as session:
        session.execute(update(Source).where(Source.name == "one").values(stale_after_days=7))
        old = ExternalKey.source == "one"
        long_ago = datetime.now(UTC) - timedelta(days=8)
        session.execute(update(ExternalKey).where(old).values(seen_at=long_ago))
    load_texts(engine, "name,ci_class,owner\nweb,server,Two\n", source="two")
    assert the_ci(engine).owner == "Two"
    load_texts(engine, "name,ci_class,owner\nweb,server,One\n", source="one")
    assert the_ci(engine).owner == "One"


def test_a_manual_value_wins_until_it_is_released(engine: Engine) -> None:
    one_and_two(engine)
    ci_id = the_ci(engine).id
    patch = CIPatch(owner="Me", attributes={"os": None, "note": "mine"})
    with transaction(engine) as session:
        update_ci(session, ci_id, patch, SYSTEM)
    load_texts(engine, "name,ci_class,owner,os\nweb,server,New,bsd\n", source="one")
    found = the_ci(engine)
    assert (found.owner, found.attributes) == ("Me", {"note": "mine", "site": "HAM"})
    assert [key.source for key in found.keys] == ["one", "two"]
    with transaction(engine) as session:
        assert release(session, ci_id, ["owner"], SYSTEM, revision_keep=10) == ["owner"]
    assert the_ci(engine).owner == "New"
    with transaction(engine) as session:
        release(session, ci_id, [], SYSTEM, revision_keep=10)
    assert the_ci(engine).attributes == {"os": "bsd", "site": "HAM"}
    with transaction(engine) as session:
        with pytest.raises(InvalidInputError, match="no manual value"):
            release(session, ci_id, ["owner"], SYSTEM, revision_keep=10)


def test_who_retired_a_ci_by_hand_is_not_overruled_by_an_export(engine: Engine) -> None:
    one_and_two(engine)
    ci_id = the_ci(engine).id
    with transaction(engine) as session:
        retire_ci(session, ci_id, SYSTEM)
    load_texts(engine, "name,ci_class,owner\nweb,server,One\n", source="one")
    assert the_ci(engine).status == "retired"
    with transaction(engine) as session:
        release(session, ci_id, ["status"], SYSTEM, revision_keep=10)
    assert the_ci(engine).status == "active"


def test_every_value_knows_its_source_run_and_time_and_what_others_say(engine: Engine) -> None:
    one_and_two(engine)
    load_texts(engine, "name,ci_class,owner\nweb,server,Newer\n", source="one")
    ci_id = the_ci(engine).id
    with transaction(engine) as session:
        update_ci(session, ci_id, CIPatch(criticality=1), SYSTEM)
    with reading(engine) as session:
        found = {each.field: each for each in provenance(session, ci_id)}
    owner = found["owner"]
    assert (owner.value, owner.source, owner.import_run) == ("Newer", "one", 3)
    assert owner.at is not None
    assert [(each.source, each.value) for each in owner.others] == [("two", "Two")]
    assert (found["name"].import_run, found["attributes.os"].source) == (1, "two")
    assert (found["criticality"].source, found["criticality"].actor) == ("manual", SYSTEM.name)
    assert found["criticality"].import_run is None


@pytest.mark.parametrize(
    ("attribute", "sources", "hint"),
    [
        ("ownr", ["one"], "owner"),
        ("owner", ["oen"], "'one'"),
        ("owner", ["manual"], "leave it out"),
        ("owner", ["one", "one"], "None"),
    ],
)
def test_an_order_that_cannot_be_is_refused(
    engine: Engine, attribute: str, sources: list[str], hint: str
) -> None:
    one_and_two(engine)
    with transaction(engine) as session:
        with pytest.raises(InvalidInputError) as caught:
            set_precedence(session, attribute, sources, SYSTEM)
    assert hint in str(caught.value.hint)


def test_what_nobody_reports_is_retired_and_keeps_its_values() -> None:
    gone = Claim("one", "k", {"name": "a", "ci_class": "server", "owner": "x"}, True, NOW)
    values, _ = effective([gone], Precedence(), NOW)
    assert dict(zip(STORED, values, strict=True))["status"] == "retired"
    there = gone._replace(source="two", missing=False, said={"name": "b", "ci_class": "server"})
    values, _ = effective([gone, there], Precedence(known=["one", "two"]), NOW)
    found = dict(zip(STORED, values, strict=True))
    assert (found["status"], found["name"], found["owner"]) == ("active", "b", "x")
