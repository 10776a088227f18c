"""From symptoms to suspects: the worked examples of docs/suspects.md, and brute force beside."""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmdb.impact import State
from cmdb.suspect_candidates import candidates
from cmdb.suspect_evidence import Evidence
from cmdb.suspects import FAR, Budget, rank
from tests.cmdb.builders import graph, snapshot_of
from tests.cmdb.suspecting import ask
from tests.cmdb.test_impact_properties import landscapes
from tests.oracles import suspects_oracle
from tests.oracles.impact_oracle import Landscape
from tests.oracles.suspects_oracle import Seen

SHOP = graph(
    "checkout -> orders-api -> db, search -> search-api -> vm, orders-api -> vm -> rack,"
    " login -> login-api -> rack, reports -> db?"
)
SERVICES = "checkout search login reports"
EXAMPLES = min(100, int(os.environ.get("OPSATLAS_TEST_EXAMPLES", "100")))


def test_what_both_symptoms_stand_on_comes_before_what_one_stands_on() -> None:
    asked = ask(SHOP, "checkout search", services=SERVICES)
    assert asked.suspects[0] == "vm"
    assert asked.explains("vm") == ["checkout", "search"]
    assert asked.probability("vm") > 0.5


def test_what_would_have_taken_a_healthy_service_down_falls_back() -> None:
    doubtful = ask(SHOP, "checkout search", services=SERVICES)
    sure = ask(SHOP, "checkout search", healthy="login", services=SERVICES)
    assert sure.probability("rack") < doubtful.probability("rack")
    rack = next(s for s in sure.ranking.suspects if sure.name(s.index) == "rack")
    assert [sure.name(index) for index in rack.alone.contradicts] == ["login"]


def test_an_affected_service_that_nobody_reported_counts_a_little_against_a_suspect() -> None:
    asked = ask(SHOP, "checkout search", services=SERVICES)
    rack = next(s for s in asked.ranking.suspects if asked.name(s.index) == "rack")
    assert rack.alone.silent == 1
    assert 0 < asked.probability("rack") < asked.probability("vm")


def test_states_tell_a_required_provider_from_an_optional_one() -> None:
    g = graph("web -> {a}/1, web -> cache?")
    assert ask(g, "", degraded="web").suspects[0] == "cache"
    assert ask(g, "", down="web").probability("cache") < 0.1


def test_one_member_that_only_puts_a_group_at_risk_does_not_explain_that_it_is_down() -> None:
    g = graph("web -> {a b}/1, mail -> {a b}/1, shop -> {a b}/1")
    asked = ask(g, "", down="web mail shop", services="web mail shop")
    assert asked.pairs[0] == "a + b"
    assert asked.suspects[:2] == ["a", "b"]
    assert asked.explains("a") == []


def test_two_failures_that_have_nothing_in_common_are_found_as_a_pair() -> None:
    g = graph("s1 -> x, s2 -> x, s3 -> x, s4 -> x, t1 -> y, t2 -> y, t3 -> y, t4 -> y, u -> z")
    services = "s1 s2 s3 s4 t1 t2 t3 t4 u"
    asked = ask(g, "s1 s2 s3 s4 t1 t2 t3 t4", services=services)
    assert asked.pairs[0] == "x + y"
    assert asked.probability("x") > 0.9
    assert asked.probability("y") > 0.9


def test_a_single_failure_that_explains_everything_needs_no_pair() -> None:
    assert ask(SHOP, "checkout search", services=SERVICES).pairs == []


def test_of_two_that_explain_the_same_the_one_that_was_changed_comes_first() -> None:
    g = graph("web -> a, web -> b")
    assert ask(g, "web", weights={"b": 10.0}).suspects[0] == "b"
    assert ask(g, "web", weights={"a": 10.0}).suspects[0] == "a"


def test_the_next_check_separates_the_suspects() -> None:
    g = graph("web -> app -> db, app -> vm, mail -> vm")
    asked = ask(g, "web", services="web mail")
    check = next(each for each in asked.checks() if asked.name(each.index) == "mail")
    assert [asked.name(each.failed[0]) for each in check.if_affected] == ["vm"]
    assert "vm" not in [asked.name(each.failed[0]) for each in check.if_fine]
    gains = [round(each.gain, 6) for each in asked.checks()]
    assert gains == sorted(gains, reverse=True)
    assert asked.name(asked.checks()[0].index) not in {"web"}


def test_nothing_is_left_to_check_where_one_suspect_is_left() -> None:
    assert ask(graph("web -> db"), "db").checks() == []


def test_circles_and_symptoms_without_providers_are_fine() -> None:
    assert set(ask(graph("a -> b -> c -> a"), "a").suspects) == {"a", "b", "c"}
    assert ask(graph("a -> b"), "b").suspects == ["b"]


def test_more_candidates_than_allowed_are_said_to_be_left_out() -> None:
    asked = ask(SHOP, "checkout", services=SERVICES, budget=Budget(candidates=2))
    assert asked.ranking.truncated
    assert asked.ranking.candidates == 2
    assert not ask(SHOP, "checkout", services=SERVICES).ranking.truncated


def test_without_time_the_answer_says_that_it_is_not_whole() -> None:
    assert ask(SHOP, "checkout", budget=Budget(seconds=1e-9)).ranking.truncated


@st.composite
def questions(draw: st.DrawFn) -> tuple[Landscape, Seen]:
    landscape, _ = draw(landscapes())
    cis = sorted(landscape.cis)
    ci = st.sampled_from(cis)
    symptoms = draw(
        st.dictionaries(ci, st.sampled_from([None, State.DOWN, State.DEGRADED]), min_size=1)
    )
    healthy = frozenset(draw(st.sets(ci))) - symptoms.keys()
    return landscape, Seen(symptoms, healthy, frozenset(draw(st.sets(ci))))


@pytest.fixture(scope="module")
def patient() -> Budget:
    return Budget(seconds=60)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(questions())
def test_scores_and_the_best_suspects_are_those_of_brute_force(
    patient: Budget, question: tuple[Landscape, Seen]
) -> None:
    landscape, seen = question
    snapshot = snapshot_of(landscape)
    index = snapshot.index_of
    evidence = Evidence(
        symptoms={index(ci): state for ci, state in seen.symptoms.items()},
        healthy=frozenset(map(index, seen.healthy)),
        observed=np.array(sorted(map(index, seen.observed)), np.int32),
        size=len(snapshot.ids),
    )
    found = candidates(snapshot, evidence.symptoms, 1000)
    ranking = rank(snapshot, evidence, found, 50, patient)
    for explanation, _ in ranking.explanations:
        failed = [int(snapshot.ids[each]) for each in explanation.failed]
        expected = suspects_oracle.score(landscape, seen, failed)
        assert explanation.score == pytest.approx(expected, abs=1e-9)
    single = max(e.score for e, _ in ranking.explanations if len(e.failed) == 1)
    listed = {e.failed[0] for e, _ in ranking.explanations if len(e.failed) == 1}
    among = {int(snapshot.ids[each]) for each in found.covers}
    scores = {
        ci: suspects_oracle.score(landscape, seen, [ci])
        for ci in among
        if suspects_oracle.explains(landscape, seen, ci)
    }
    assert single == pytest.approx(max(scores.values()), abs=1e-9)
    for ci, score in scores.items():
        assert index(ci) in listed or score <= single - FAR + 1e-9
    assert sum(share for _, share in ranking.explanations) == pytest.approx(1)
