"""Current states against reports folded by hand; announcements against a slow reading of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from cmdb.impact import State
from cmdb.live_models import CIState
from cmdb.live_reports import report
from cmdb.live_schemas import StateReport
from cmdb.live_states import LiveCache
from cmdb.references import IdReference
from cmdb.snapshots import GraphCache
from cmdb.state_tracks import Patience, Track, follow, to_announce
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.rows import put_ci, put_relationship
from tests.oracles import live_oracle as oracle
from tests.oracles.impact_oracle import Group, Landscape, Relationship
from tests.oracles.live_oracle import Report

_START = datetime(2026, 3, 4, 10, tzinfo=UTC)
_SEEN = st.lists(
    st.tuples(st.sampled_from([0.5, 1.0, 2.0, 5.0, 11.0]), st.integers(0, 3)), max_size=25
)


def _moment(seconds: int) -> datetime:
    return _START + timedelta(seconds=seconds)


def test_the_states_are_those_of_reports_folded_by_hand(engine: Engine) -> None:
    """Two services over five CIs; reports of three sources come in any order and expire."""
    with transaction(engine) as session:
        shop = put_ci(session, "shop", "business_service")
        portal = put_ci(session, "portal", "business_service")
        api, a, b = (put_ci(session, name) for name in ("api", "a", "b"))
        rows = [
            (shop, api, False, None),
            (portal, shop, True, None),
            (api, a, False, "pair"),
            (api, b, False, "pair"),
        ]
        edges = []
        for dependent, provider, optional, group in rows:
            word = "optional" if optional else "required"
            edge = put_relationship(session, dependent, provider, dependency=word, group=group)
            number = None if group is None else 1
            edges.append(Relationship(edge, dependent, provider, optional, number))
    cis = [shop, portal, api, a, b]
    landscape = Landscape(frozenset(cis), tuple(edges), (Group(1, api, count=1),))
    cache = LiveCache(GraphCache())
    reports = st.builds(
        Report,
        st.sampled_from(cis),
        st.sampled_from("xyz"),
        st.sampled_from(["up", "degraded", "down"]),
        st.integers(0, 9),
        st.none() | st.integers(1, 20),
    )

    @settings(
        max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.lists(st.lists(reports, min_size=1, max_size=4), min_size=1, max_size=3))
    def check(calls: list[list[Report]]) -> None:
        with transaction(engine) as session:
            session.execute(delete(CIState))
        for call in calls:
            said = [
                StateReport(
                    ci=IdReference(id=each.ci),
                    state=each.state,
                    source=each.source,
                    reported_at=_moment(each.reported_at),
                    expires_at=None if each.expires_at is None else _moment(each.expires_at),
                )
                for each in call
            ]
            with transaction(engine) as session:
                report(session, said, SYSTEM, most=100, revision_keep=1000)
        all_reports = [each for call in calls for each in call]
        with reading(engine) as session:
            for second in (10, 11, 12, 15, 19, 20, 30):
                live = cache.current(session, _moment(second))
                expected = oracle.states(landscape, all_reports, second)
                found = {each: int(live.services.get(each, 0)) for each in (shop, portal)}
                assert found == {each: expected[each] for each in (shop, portal)}

    check()


@settings(max_examples=100, deadline=None)
@given(_SEEN, st.sampled_from([0.0, 2.0, 6.0]), st.integers(1, 4), st.sampled_from([5.0, 20.0]))
def test_announcements_are_those_of_a_slow_reading_of_all_that_was_seen(
    pauses: list[tuple[float, int]], debounce: float, changes: int, window: float
) -> None:
    looks: list[tuple[float, int]] = []
    at = 1000.0
    for pause, state in pauses:
        at += pause
        looks.append((at, state))
    patience = Patience(debounce, changes, window)
    track, told = Track(), []
    for at, state in looks:
        before = track.announced
        track, announcement = follow(track, State(state), at, patience)
        if announcement is not None:
            told.append((announcement.value, int(before), state))
    assert told == oracle.events(looks, debounce, changes, window)


@given(st.sampled_from(State), st.sampled_from(State), st.sampled_from(State))
def test_what_is_muted_makes_nothing_worse_and_hides_no_recovery(
    announced: State, one: State, other: State
) -> None:
    audible, actual = sorted((one, other))
    told = to_announce(announced, actual, audible)
    assert told == audible if announced <= audible else audible <= told <= actual
    if told > announced:
        assert told == audible, "only what is audible is told of as worse"
    if told < announced:
        assert told == actual, "better only if it really is"
