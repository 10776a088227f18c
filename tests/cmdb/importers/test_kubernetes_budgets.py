"""PodDisruptionBudgets find their Pods by labels, as Kubernetes does, without comparing all."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cmdb.importers.kubernetes.objects import Ref, Thing
from cmdb.importers.kubernetes.selectors import Budgets
from cmdb.importers.records import Where
from tests.oracles.label_selectors import fits

MANY = 1500

names, values = st.sampled_from("abc"), st.sampled_from("xyz")
expressions = st.builds(
    lambda key, operator, some: {"key": key, "operator": operator, "values": some},
    names,
    st.sampled_from(("In", "NotIn", "Exists", "DoesNotExist")),
    st.lists(values, max_size=3),
)
selectors = st.fixed_dictionaries(
    {},
    optional={
        "matchLabels": st.dictionaries(names, values, max_size=2),
        "matchExpressions": st.lists(expressions, max_size=2),
    },
)
namespaces = st.sampled_from(("shop", "bank"))


def budget(number: int, selector: Any, namespace: str = "shop") -> Thing:
    body = {"apiVersion": "policy/v1", "spec": {"selector": selector}}
    return Thing(Ref("PodDisruptionBudget", namespace, f"b{number}"), body, Where("pdb.yaml"))


@settings(max_examples=100)
@given(
    said=st.lists(st.tuples(namespaces, selectors), max_size=6),
    labels=st.dictionaries(names, values, max_size=3),
    namespace=namespaces,
)
def test_a_budget_speaks_of_the_pods_that_its_selector_fits(
    said: list[tuple[str, dict[str, Any]]], labels: dict[str, str], namespace: str
) -> None:
    budgets = [budget(number, each, place) for number, (place, each) in enumerate(said)]
    found = Budgets(budgets).fitting(namespace, labels)
    assert sorted(each.ref.name for each in found) == [
        f"b{number}"
        for number, (place, selector) in enumerate(said)
        if place == namespace and fits(selector, labels)
    ]


def test_a_thousand_budgets_are_not_each_compared_with_a_thousand_workloads() -> None:
    workloads = [{"part-of": "shop", "tier": "web", "app": f"a{number}"} for number in range(MANY)]
    budgets = Budgets(
        budget(number, {"matchLabels": labels}) for number, labels in enumerate(workloads)
    )
    assert [len(budgets.candidates("shop", labels)) for labels in workloads] == [1] * MANY
    assert [each.ref.name for each in budgets.fitting("shop", workloads[7])] == ["b7"]
