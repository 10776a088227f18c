"""What if: suppositions give the answer that the inventory would give if they were true."""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Engine

from cmdb.full_impact import FullImpactAnswer, FullImpactQuestion, answer_full_impact
from cmdb.impact import analyse
from cmdb.impact_answer import TooManyFailedError
from cmdb.priority import DEFAULT_MATRIX
from cmdb.references import UnresolvedCIError
from cmdb.relationship_checks import InvalidRelationshipError
from cmdb.snapshots import GraphCache
from cmdb.values import MinUp
from cmdb.what_if import Supposed, SupposedRelationship, suppose
from cmdb.what_if_answer import ContradictoryWhatIfError
from cmdb.what_if_relationships import NoSuchRelationshipSupposedError
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.builders import graph, snapshot_of
from tests.cmdb.rows import put_ci, put_relationship
from tests.cmdb.test_impact_properties import landscapes
from tests.oracles import impact_oracle as oracle
from tests.oracles.impact_oracle import Group, Landscape, Relationship

EXAMPLES = int(os.environ.get("OPSATLAS_TEST_EXAMPLES", "100"))
_QUESTION = TypeAdapter(FullImpactQuestion)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(landscapes(), st.data())
def test_a_supposed_graph_answers_as_if_it_had_been_built_so(
    case: tuple[Landscape, list[int]], data: st.DataObject
) -> None:
    landscape, failed = case
    gone = data.draw(st.sets(st.sampled_from(landscape.relationships or (None,))))
    ci = st.sampled_from(sorted(landscape.cis))
    ends = data.draw(st.lists(st.tuples(ci, ci, st.booleans()), max_size=4))
    group = data.draw(st.none() | st.sampled_from(landscape.groups or (None,)))
    new = [Relationship(900 + n, *end) for n, end in enumerate(ends)]
    if group is not None:
        new = [replace(each, dependent=group.dependent, group=group.id) for each in new]
    stay = [each for each in landscape.relationships if each not in gone]
    then = replace(landscape, relationships=(*stay, *new))
    states = {each: state for each, state in oracle.states(then, failed).items() if state}
    result = analyse(suppose(snapshot_of(landscape), _supposed(landscape, gone, new)), failed)
    assert dict(zip(result.ids.tolist(), result.reached.state.tolist(), strict=True)) == states


def _supposed(
    landscape: Landscape, gone: set[Relationship | None], new: list[Relationship]
) -> Supposed:
    """Groups that change are said again as a whole, as `what_if_relationships` does it."""
    changed = {each.group for each in [*gone, *new] if each is not None} - {None}
    back = [each for each in landscape.relationships if each.group in changed and each not in gone]
    added = [
        SupposedRelationship(each.id, each.dependent, each.provider, each.optional, each.group)
        for each in [*back, *new]
    ]
    limits = {
        each.id: (each.dependent, _limit(each)) for each in landscape.groups if each.id in changed
    }
    return Supposed([each.id for each in gone if each is not None], added, limits)


def _limit(group: Group) -> MinUp:
    if group.count is not None:
        return MinUp(group.count, is_percent=False)
    return MinUp(group.percent or 0, is_percent=True)


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """Checkout -> api -> db and 2 of 3 workers; Search -(optional)-> api; cache stands alone."""
    with transaction(engine) as session:
        checkout = put_ci(session, "Checkout", "business_service", criticality=1)
        search = put_ci(session, "Search", "business_service", criticality=2)
        api = put_ci(session, "api")
        database = put_ci(session, "db", "database")
        put_ci(session, "cache")
        put_relationship(session, checkout, api)
        put_relationship(session, search, api, dependency="optional")
        put_relationship(session, api, database, type_="uses")
        for number in range(3):
            worker = put_ci(session, f"worker-{number}", "container")
            put_relationship(session, api, worker, type_="runs_on", group="workers", min_up=2)
    return engine


def ask(engine: Engine, failed: list[Any], what_if: Any = None, **more: Any) -> FullImpactAnswer:
    said = {"failed": failed, **({} if what_if is None else {"what_if": what_if}), **more}
    question = _QUESTION.validate_python(said)
    with reading(engine) as session:
        return answer_full_impact(
            session, GraphCache(), question, DEFAULT_MATRIX, max_failed=5, max_limit=500
        )


def changed(answer: FullImpactAnswer) -> dict[str, str]:
    assert answer.what_if is not None
    services = answer.what_if.difference.services
    return {each.name: f"{each.before} > {each.after}" for each in services}


def test_one_failure_more_shows_which_services_it_would_take(shop: Engine) -> None:
    answer = ask(shop, ["worker-0"], {"fail": ["worker-1"]})
    assert changed(answer) == {
        "Checkout": "operational > down",
        "Search": "operational > degraded",
    }
    assert answer.what_if is not None
    checkout = answer.what_if.difference.services[0]
    assert [step.name for step in checkout.path] == ["worker-0", "api", "Checkout"]
    because = checkout.path[1].because
    assert (because.group, because.members, because.up, because.min_up) == ("workers", 3, 1, 2)
    difference = answer.what_if.difference
    assert (difference.worse.services, difference.worse.configuration_items) == (2, 4)
    assert (difference.better.services, difference.better.configuration_items) == (0, 0)
    before, after = answer.what_if.before, answer.what_if.after
    assert ([each.name for each in after.failed], before.counts.services) == (
        ["worker-0", "worker-1"],
        0,
    )
    assert (before.priority.priority, after.priority.priority) == (3, 1)
    assert answer.services == []  # all else is about `failed`


def test_restoring_a_failed_ci_shows_what_would_work_again(shop: Engine) -> None:
    answer = ask(shop, ["db", "worker-0"], {"restore": ["db"]})
    assert changed(answer) == {"Checkout": "down > operational", "Search": "degraded > operational"}
    assert answer.what_if is not None
    assert all(each.path == [] for each in answer.what_if.difference.services)
    assert answer.what_if.difference.better.configuration_items == 4


def test_a_supposition_needs_no_failure(shop: Engine) -> None:
    assert changed(ask(shop, [], {"fail": ["db"]}))["Checkout"] == "operational > down"


def test_a_relationship_supposed_away_carries_no_failure(shop: Engine) -> None:
    pair = {"dependent": "api", "provider": "db"}
    assert changed(ask(shop, ["db"], {"remove_relationships": [pair]})) == {
        "Checkout": "down > operational",
        "Search": "degraded > operational",
    }
    assert changed(ask(shop, ["db"], {"remove_relationships": [{**pair, "type": "uses"}]}))
    assert changed(ask(shop, ["db"], {"remove_relationships": [{"id": 3}]}))


def test_a_member_supposed_away_leaves_its_group_smaller(shop: Engine) -> None:
    gone = {"remove_relationships": [{"dependent": "api", "provider": "worker-2"}]}
    assert changed(ask(shop, ["worker-0"], gone))["Checkout"] == "operational > down"


def test_supposed_relationships_carry_failure_as_their_words_say(shop: Engine) -> None:
    needs = {"dependent": "Search", "provider": "cache"}
    answer = ask(shop, ["cache"], {"add_relationships": [needs]})
    assert changed(answer) == {"Search": "operational > down"}
    assert answer.what_if is not None
    because = answer.what_if.difference.services[0].path[-1].because
    assert (because.kind, because.relationship_type) == ("required", "depends_on")
    soft = {**needs, "dependency": "optional", "type": "uses"}
    assert changed(ask(shop, ["cache"], {"add_relationships": [soft]})) == {
        "Search": "operational > degraded"
    }


def test_a_group_may_gain_a_member_another_limit_or_be_new(shop: Engine) -> None:
    more = {"dependent": "api", "provider": "cache", "redundancy_group": "workers"}
    two = ["worker-0", "worker-1"]
    assert changed(ask(shop, two, {"add_relationships": [more]}))["Checkout"] == (
        "down > operational"
    )
    strict = {**more, "min_up": "100%"}
    assert changed(ask(shop, ["worker-0"], {"add_relationships": [strict]}))["Checkout"] == (
        "operational > down"
    )
    new = [
        {"dependent": "Search", "provider": each, "redundancy_group": "caches", "min_up": 1}
        for each in ("cache", "worker-0")
    ]
    answer = ask(shop, ["cache"], {"add_relationships": new})
    assert changed(answer) == {"Search": "operational > at_risk"}
    assert answer.what_if is not None
    because = answer.what_if.difference.services[0].path[-1].because
    assert (because.group, because.members, because.min_up) == ("caches", 2, 1)


def test_nothing_of_a_supposition_stays(shop: Engine) -> None:
    cache = GraphCache()
    question = _QUESTION.validate_python(
        {
            "failed": ["db"],
            "what_if": {"remove_relationships": [{"dependent": "api", "provider": "db"}]},
        }
    )
    with reading(shop) as session:
        both = [
            answer_full_impact(
                session, cache, question, DEFAULT_MATRIX, max_failed=5, max_limit=500
            )
            for _ in range(2)
        ]
    assert both[0].services == both[1].services
    assert both[0].what_if == both[1].what_if


@pytest.mark.parametrize(
    ("what_if", "error", "pointer", "says"),
    [
        ({"fail": ["d"]}, UnresolvedCIError, "/what_if/fail/0", "no CI"),
        ({"restore": ["db", "cache"]}, ContradictoryWhatIfError, "/what_if/restore/1", "not among"),
        (
            {"restore": ["db"], "fail": ["db"]},
            ContradictoryWhatIfError,
            "/what_if/restore/0",
            "to fail and to be restored",
        ),
        (
            {"remove_relationships": [{"id": 999}]},
            NoSuchRelationshipSupposedError,
            "/what_if/remove_relationships/0",
            "no relationship 999",
        ),
        (
            {"remove_relationships": [{"dependent": "db", "provider": "api"}]},
            NoSuchRelationshipSupposedError,
            "/what_if/remove_relationships/0",
            "no such relationship",
        ),
        (
            {"remove_relationships": [{"id": 3}, {"dependent": "db", "provider": "ap"}]},
            UnresolvedCIError,
            "/what_if/remove_relationships/1/provider",
            "no CI",
        ),
        (
            {"add_relationships": [{"dependent": "db", "provider": "db"}]},
            InvalidRelationshipError,
            "/what_if/add_relationships/0/provider",
            "itself",
        ),
        (
            {"add_relationships": [{"dependent": "db", "provider": "cache", "type": "documents"}]},
            InvalidRelationshipError,
            "/what_if/add_relationships/0/type",
            "change nothing",
        ),
        (
            {"fail": ["api", "cache", "db", "Search", "Checkout"]},
            TooManyFailedError,
            "/what_if/fail",
            "5",
        ),
    ],
)
def test_what_cannot_be_supposed_is_refused_with_its_place(
    shop: Engine, what_if: Any, error: type[Any], pointer: str, says: str
) -> None:
    with pytest.raises(error) as raised:
        ask(shop, ["db"], what_if)
    assert raised.value.errors[0].pointer == pointer
    assert says in raised.value.errors[0].detail


def test_a_question_about_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least one failed CI"):
        _QUESTION.validate_python({"failed": []})
    with pytest.raises(ValidationError, match="a relationship is"):
        _QUESTION.validate_python(
            {"what_if": {"remove_relationships": [{"id": 1, "provider": "db"}]}}
        )


def test_the_path_of_any_ci_may_be_asked(shop: Engine) -> None:
    answer = ask(shop, ["db"], why=["api", "cache", "db"])
    assert answer.why is not None
    api, cache, database = answer.why
    assert (api.state, api.distance, [step.name for step in api.path]) == ("down", 1, ["db", "api"])
    assert api.path[1].because.relationship_type == "uses"
    assert (cache.state, cache.distance, cache.path) == ("operational", None, [])
    assert (database.distance, len(database.path)) == (0, 1)


def test_all_facts_name_the_members_that_break_a_group(shop: Engine) -> None:
    workers = ["worker-0", "worker-1", "worker-2"]
    answer = ask(shop, workers, explain="all", why=["api"])
    assert answer.explanation is not None
    told = {each.name: each for each in answer.explanation}
    assert list(told) == ["worker-0", "worker-1", "api", "Checkout", "Search"]
    api = told["api"]
    assert (api.because.group, api.because.members, api.because.min_up) == ("workers", 3, 2)
    on = [(each.provider, each.relationship_type) for each in api.rests_on]
    assert on == [(told[name].id, "runs_on") for name in ("worker-0", "worker-1")]
    assert told["worker-0"].rests_on == []
    assert ask(shop, workers).explanation is None


def test_failures_may_be_supposed_in_the_past_but_relationships_may_not(shop: Engine) -> None:
    from opsatlas.clock import now

    then = now().isoformat()
    assert ask(shop, [], {"fail": ["db"]}, as_of=then).as_of is not None
    with pytest.raises(ContradictoryWhatIfError, match="of now alone"):
        ask(shop, [], {"remove_relationships": [{"id": 1}]}, as_of=then)


DOC = (Path(__file__).parents[2] / "docs" / "impact.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("drawn", "failed", "what_if", "name", "before", "after"),
    re.findall(r"^\| `([^`]+)` \| (\w+) \| (.+) \| (\w+): (\w+) to (\w+) \|$", DOC, re.MULTILINE),
)
def test_the_examples_in_the_documentation_are_true(
    drawn: str, failed: str, what_if: str, name: str, before: str, after: str
) -> None:
    g = graph(drawn)
    assert g.fail(failed).states.get(name, "operational") == before
    down = {failed}
    gone: set[Relationship | None] = set()
    new: list[Relationship] = []
    if ends := re.fullmatch(r"(with|without) `(\S+) -> ([^?`]+)(\??)`", what_if):
        dependent, provider = g.ids[ends[2]], g.ids[ends[3]]
        if ends[1] == "with":
            new = [Relationship(900, dependent, provider, bool(ends[4]))]
        else:
            pair = (dependent, provider)
            gone = {r for r in g.landscape.relationships if (r.dependent, r.provider) == pair}
    elif what_if.endswith(" fails"):
        down.add(what_if.removesuffix(" fails"))
    else:
        down.remove(what_if.removesuffix(" is restored"))
    snapshot = suppose(g.snapshot, _supposed(g.landscape, gone, new))
    result = analyse(snapshot, [g.ids[each] for each in down])
    assert result.state_of(g.ids[name]).name.lower() == after
