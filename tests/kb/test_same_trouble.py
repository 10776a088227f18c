"""How likely two incidents are one trouble follows from what is known of them."""

import numpy as np
import pytest

from kb.same_trouble import SAME_FROM, Signs, confidence, labels_of, rules_differ, scopes_differ


def _sure(
    alike: float = 1.0,
    near: float = 0.0,
    *,
    apart: bool = False,
    hours: float = 0.2,
    scope: bool = False,
    rule: bool = False,
) -> float:
    signs = [np.array([each], np.float32) for each in (alike, near, apart, hours, scope, rule)]
    return float(confidence(Signs(*signs))[0])


def test_the_same_alert_within_minutes_is_one_trouble() -> None:
    assert _sure() > 0.8
    assert _sure(near=1.0) > _sure(near=0.4) > _sure()


@pytest.mark.parametrize("miss", [{"scope": True}, {"apart": True, "hours": 1}, {"hours": 24}])
def test_the_same_alert_on_another_cluster_or_another_day_is_not(miss: dict[str, float]) -> None:
    assert _sure(**miss) < SAME_FROM  # type: ignore[arg-type]


def test_another_alert_on_the_same_ci_is_not() -> None:
    assert _sure(alike=0.2, near=1.0) < SAME_FROM


def test_what_is_far_off_in_time_does_not_overflow() -> None:
    assert _sure(hours=1e9) < 1e-6


def test_different_rules_speak_against_one_trouble_however_alike_the_labels() -> None:
    assert _sure(alike=0.8, rule=True) < SAME_FROM
    one = [{"alertname": "a"}, {"alertname": "b"}, {}]
    assert rules_differ(one, one).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert scopes_differ(one, one).tolist() == [[0] * 3] * 3


def test_scopes_are_read_off_labels_and_fields() -> None:
    text = 'alertname="X" cluster="K8s-Nord" env=prod region: "eu-1" job="cluster"'
    assert labels_of(text) == {
        "alertname": "x",
        "cluster": "k8s-nord",
        "env": "prod",
        "region": "eu-1",
    }


def test_scopes_differ_where_both_name_one_and_it_is_another() -> None:
    one = [{"cluster": "a"}, {"cluster": "b", "env": "p"}, {}]
    assert scopes_differ(one, one).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert scopes_differ([{"env": "x"}], [{"env": "p"}, {"cluster": "x"}]).tolist() == [[1, 0]]
