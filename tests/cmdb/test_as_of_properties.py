"""Every past moment is what it was: copies that were kept at the time are the oracle."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cmdb.as_of import (
    cis_at,
    neighbours_at,
    relationships_among,
    relationships_at,
    states_of_relationships,
)
from cmdb.decision_models import CIMerge, IdentificationReview, ReviewState
from cmdb.impact_answer import answer_impact
from cmdb.impact_schemas import ImpactQuestion
from cmdb.importers.records import InputFile
from cmdb.inventory import cis_out, list_cis
from cmdb.items import create_cis, retire_ci, update_ci
from cmdb.load import load
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.manual import release
from cmdb.merge import merge as merge_cis
from cmdb.models import ConfigurationItem, ImportRun, ImportState, Relationship
from cmdb.past_lists import list_cis_at, list_relationships_at
from cmdb.plan import Missing
from cmdb.precedence import set_precedence, several_sources
from cmdb.priority import DEFAULT_MATRIX
from cmdb.recompute import recompute
from cmdb.references import IdReference
from cmdb.relationship_reads import list_relationships, neighbours, relationships_out
from cmdb.relationships import create_relationships, delete_relationship, update_relationship
from cmdb.reviews import keep_apart, merge
from cmdb.schemas import CIIn, CIPatch, RelationshipIn, RelationshipPatch
from cmdb.snapshots import GraphCache
from cmdb.undo import undo
from cmdb.unmerge import unmerge
from opsatlas.actor import SYSTEM
from opsatlas.clock import now
from opsatlas.db.listing import parse_query
from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import OpsAtlasError
from tests.cmdb.inventories import empty

LIMITS = LoadLimits(max_retired_share=1.0)
NAMES = st.sampled_from(["a", "b", "c", "d"])
GROUP = st.fixed_dictionaries(
    {"redundancy_group": st.sampled_from(["g", "h"])},
    optional={"min_up": st.sampled_from([1, 2, "50%", "100%"])},
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["active", "planned", "retired"]),
        "criticality": st.sampled_from([1, 2, None]),
        "owner": st.sampled_from(["x", "y", None]),
        "serial_number": st.sampled_from(["AAAA1111", "BBBB2222"]),
        "attributes": st.dictionaries(st.sampled_from(["p", "q"]), st.sampled_from([1, None])),
    },
)
CIS = st.lists(
    st.tuples(NAMES, st.sampled_from(["server", "virtual_machine", "database"]), VALUES).map(
        lambda each: {"name": each[0], "ci_class": each[1], **each[2]}
    ),
    max_size=4,
    unique_by=lambda ci: str(ci["name"]),
)
EDGES = st.lists(
    st.tuples(
        NAMES,
        NAMES,
        st.fixed_dictionaries({}, optional={"dependency": st.sampled_from(["optional"])}),
        st.one_of(st.just({}), GROUP),
    )
    .filter(lambda each: each[0] != each[1])
    .map(lambda each: {"dependent": each[0], "provider": each[1], **each[2], **each[3]}),
    max_size=5,
)
INVENTORY = st.fixed_dictionaries({"configuration_items": CIS, "relationships": EDGES})
PLACE = st.integers(0, 7)
STEPS = st.one_of(
    st.tuples(
        st.just("load"),
        INVENTORY,
        st.sampled_from(["one", "two"]),
        st.sampled_from(Missing),
    ),
    st.tuples(st.just("undo"), PLACE),
    st.tuples(st.just("create"), NAMES, VALUES),
    st.tuples(st.just("update"), PLACE, VALUES, st.one_of(st.none(), NAMES)),
    st.tuples(st.just("retire"), PLACE),
    st.tuples(st.just("release"), PLACE),
    st.tuples(st.just("relate"), EDGES),
    st.tuples(
        st.just("change"),
        PLACE,
        st.one_of(GROUP, st.just({"redundancy_group": None}), st.just({"dependency": "optional"})),
    ),
    st.tuples(st.just("delete"), PLACE),
    st.tuples(st.just("merge"), PLACE, PLACE),
    st.tuples(st.just("unmerge"), PLACE),
    st.tuples(st.just("decide"), PLACE, st.booleans()),
    st.tuples(st.just("trust"), st.permutations(["one", "two"])),
)


def one_of(session: Any, column: Any, place: int, *where: Any) -> int:
    """One of the ids that are there; which, the place says."""
    ids = session.scalars(select(column).where(*where).order_by(column)).all()
    if not ids:
        raise OpsAtlasError("there is none")
    return int(ids[place % len(ids)])


def take(engine: Engine, step: tuple[Any, ...]) -> None:
    """One step, in a unit of work of its own; what the product refuses changes nothing."""
    kind, *given_ = step
    with transaction(engine) as session:
        _DO[kind](session, *given_)


def _load(session: Any, inventory: dict[str, Any], source: str, missing: Missing) -> None:
    file = InputFile("inventory.json", json.dumps(inventory).encode())
    options = LoadOptions(source=source, missing=missing, partial=True)
    load(session, [file], options, SYSTEM, LIMITS)


def _undo(session: Any, place: int) -> None:
    run = one_of(session, ImportRun.id, place, ImportRun.state == ImportState.DONE)
    undo(session, run, SYSTEM, revision_keep=100)


def _create(session: Any, name: str, values: dict[str, Any]) -> None:
    create_cis(session, [CIIn(name=name, ci_class="server", **values)], SYSTEM)


def _update(session: Any, place: int, values: dict[str, Any], name: str | None) -> None:
    patch = CIPatch(**values, **({} if name is None else {"name": name}))
    update_ci(session, one_of(session, ConfigurationItem.id, place), patch, SYSTEM)


def _decide(session: Any, place: int, apart: bool) -> None:
    waiting = IdentificationReview.state == ReviewState.OPEN
    review = one_of(session, IdentificationReview.id, place, waiting)
    if apart:
        keep_apart(session, review, SYSTEM, revision_keep=100)
    else:
        row = session.get(IdentificationReview, review)
        merge(session, review, row.candidates[0]["ci"], SYSTEM, revision_keep=100)


def _trust(session: Any, order: list[str]) -> None:
    set_precedence(session, "*", order, SYSTEM)
    recompute(session, several_sources(session), SYSTEM, revision_keep=100)


_DO: dict[str, Callable[..., object]] = {
    "load": _load,
    "undo": _undo,
    "create": _create,
    "update": _update,
    "retire": lambda session, place: retire_ci(
        session, one_of(session, ConfigurationItem.id, place), SYSTEM
    ),
    "release": lambda session, place: (
        release(
            session, one_of(session, ConfigurationItem.id, place), [], SYSTEM, revision_keep=100
        )
        and None
    ),
    "relate": lambda session, edges: (
        create_relationships(session, [RelationshipIn(**each) for each in edges], SYSTEM) and None
    ),
    "change": lambda session, place, patch: (
        update_relationship(
            session, one_of(session, Relationship.id, place), RelationshipPatch(**patch), SYSTEM
        )
        and None
    ),
    "delete": lambda session, place: delete_relationship(
        session, one_of(session, Relationship.id, place), SYSTEM
    ),
    "merge": lambda session, loser, winner: merge_cis(
        session,
        one_of(session, ConfigurationItem.id, loser),
        one_of(session, ConfigurationItem.id, winner),
        SYSTEM,
        revision_keep=100,
    ),
    "unmerge": lambda session, place: unmerge(
        session,
        one_of(session, CIMerge.id, place, CIMerge.undone_at.is_(None)),
        SYSTEM,
        revision_keep=100,
    ),
    "decide": _decide,
    "trust": _trust,
}

Copy = dict[str, Any]
QUERIES = [
    parse_query({name: [value] for name, value in each.items()}, 100)
    for each in (
        {"limit": "2", "offset": "1"},
        {"limit": "2", "cursor": ""},
        {"name": "a"},
        {"name__isw": "A", "ordering": "-id"},
        {"status__n": "retired", "owner__empty": "true"},
        {"ci_class": "server", "criticality__lte": "1"},
        {"owner__n": "x"},
        {"serial_number__ic": "b2"},
    )
]
EDGE_QUERIES = [
    parse_query({name: [value] for name, value in each.items()}, 100)
    for each in (
        {"limit": "2", "offset": "1"},
        {"limit": "2", "cursor": ""},
        {"dependent_id": "1"},
        {"provider_id__n": "2", "ordering": "-id"},
        {"type__isw": "DEP", "dependency": "optional"},
        {"dependency__n": "optional", "id__gte": "2"},
        {"type__empty": "false", "provider_id__lte": "2"},
    )
]


def present(engine: Engine) -> Copy:
    """Everything that is there, as it goes out, with what is near every CI."""
    with reading(engine) as session:
        cis = session.scalars(select(ConfigurationItem).order_by(ConfigurationItem.id)).all()
        edges = session.scalars(select(Relationship).order_by(Relationship.id)).all()
        return {
            "cis": [each.model_dump() for each in cis_out(session, cis)],
            "relationships": [each.model_dump() for each in relationships_out(session, edges)],
            "neighbours": [neighbours(session, ci.id, hops=2).model_dump() for ci in cis],
            "impact": [
                impact(session, GraphCache(), ci.id, None) for ci in cis if ci.status != "retired"
            ],
            "lists": [
                (page.count, page.more, page.last_id, page.results)
                for page in (list_cis(session, query) for query in QUERIES)
            ],
            "edges": [list_relationships(session, query) for query in EDGE_QUERIES],
        }


def impact(session: Session, graphs: GraphCache, ci_id: int, at: datetime | None) -> Copy:
    """What the failure of a CI does."""
    question = ImpactQuestion(failed=[IdReference(id=ci_id)], as_of=at)
    answer = answer_impact(session, graphs, question, DEFAULT_MATRIX, max_failed=10, max_limit=500)
    assert answer.as_of == at
    return answer.model_dump(exclude={"as_of", "graph_version", "took_ms"})


def past(engine: Engine, graphs: GraphCache, at: datetime, most: int) -> Copy:
    """The same as of a moment; ids are 1 to `most`."""
    with reading(engine) as session:
        moment = graphs.moments.get(session, at)
        ids = range(1, most + 1)
        cis = cis_at(session, moment, ids)
        edges = relationships_at(session, moment, states_of_relationships(session, moment, ids))
        assert relationships_among(session, moment, cis) == edges
        return {
            "cis": [each.model_dump() for each in cis.values()],
            "relationships": [each.model_dump() for each in edges],
            "neighbours": [
                neighbours_at(session, moment, each, hops=2).model_dump() for each in cis
            ],
            "impact": [
                impact(session, graphs, each, at)
                for each, ci in cis.items()
                if ci.status != "retired"
            ],
            "lists": [
                (page.count, page.more, page.last_id, page.results)
                for page in (list_cis_at(session, moment, query) for query in QUERIES)
            ],
            "edges": [list_relationships_at(session, moment, query) for query in EDGE_QUERIES],
        }


def pause() -> datetime:
    """A moment that nothing that was written bears, nor anything that will be."""
    at = now()
    while now() <= at:
        pass
    at = now()
    while now() <= at:
        pass
    return at


FIRST: dict[str, Any] = {
    "configuration_items": [
        {"name": "a", "ci_class": "server", "serial_number": "AAAA1111", "owner": "x"},
        {"name": "b", "ci_class": "server"},
        {"name": "c", "ci_class": "database"},
    ],
    "relationships": [
        {"dependent": "a", "provider": "b", "redundancy_group": "g", "min_up": 2},
        {"dependent": "a", "provider": "c", "redundancy_group": "g"},
        {"dependent": "b", "provider": "c", "dependency": "optional"},
    ],
}
FEWER: dict[str, Any] = {
    "configuration_items": FIRST["configuration_items"][:2],
    "relationships": [{"dependent": "a", "provider": "b", "redundancy_group": "g", "min_up": 1}],
}
LIFE: list[tuple[Any, ...]] = [
    ("load", FIRST, "one", Missing.KEEP),
    ("load", FIRST, "two", Missing.KEEP),
    ("load", FEWER, "two", Missing.RETIRE),
    ("update", 0, {"owner": "y", "attributes": {"p": 1}}, "z"),
    ("merge", 1, 0),
    ("unmerge", 0),
    ("load", FEWER, "one", Missing.RETIRE),
    ("undo", 2),
    ("undo", 2),
    ("release", 0),
    ("undo", 0),
    ("undo", 0),
]
TWIN = {"ci_class": "server", "serial_number": "AAAA1111", "attributes": {"p": 1}}
TWINS: list[tuple[Any, ...]] = [
    ("create", "a", {"serial_number": "AAAA1111"}),
    ("create", "b", {"serial_number": "AAAA1111"}),
    *(
        step
        for name, apart in (("c", True), ("d", False))
        for step in (
            ("load", {"configuration_items": [TWIN | {"name": name}]}, "one", Missing.KEEP),
            ("decide", 0, apart),
        )
    ),
    ("undo", 1),
    ("undo", 0),
]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(steps=LIFE)
@given(steps=st.lists(STEPS, min_size=3, max_size=10))
def test_every_moment_is_what_it_was(sqlite_engine: Engine, steps: list[tuple[Any, ...]]) -> None:
    lives_again(sqlite_engine, steps)


@pytest.mark.parametrize("steps", [LIFE, TWINS], ids=["life", "twins"])
def test_a_life_is_what_it_was_on_both_databases(
    engine: Engine, steps: list[tuple[Any, ...]]
) -> None:
    assert lives_again(engine, steps) == len(steps)


def lives_again(engine: Engine, steps: list[tuple[Any, ...]]) -> int:
    """Take the steps and keep a copy after each: every moment is that copy. Returns how many were
    taken."""
    empty(engine)
    kept: list[tuple[datetime, Copy]] = [(pause(), present(engine))]
    graphs = GraphCache()
    for step in steps:
        try:
            take(engine, step)
        except OpsAtlasError:
            continue
        kept.append((pause(), present(engine)))
        middle_at, middle = kept[len(kept) // 2]
        assert past(engine, graphs, middle_at, _highest(kept)) == middle
    for at, copy in reversed(kept):
        assert past(engine, graphs, at, _highest(kept)) == copy
    return len(kept) - 1


def _highest(kept: list[tuple[datetime, Copy]]) -> int:
    """The highest id that there has been."""
    copies = [copy for _, copy in kept]
    ids = [each["id"] for copy in copies for each in [*copy["cis"], *copy["relationships"]]]
    return max(ids, default=0)
