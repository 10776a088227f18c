"""Kubernetes' label selectors, and how many Pods a PodDisruptionBudget wants to be up."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from cmdb.importers.json_values import items, members, text_of
from cmdb.importers.kubernetes.objects import Ref, Thing, texts

_Label = tuple[str, str | None, str | None]
"""Namespace, name and value."""

_PERCENT = re.compile(r"([0-9]{1,3})%")


def selects(selector: Any, labels: Mapping[str, str]) -> bool:
    """Whether a selector with `matchLabels` and `matchExpressions` fits; an empty one always does,
    and one that is not there or not understood never."""
    if not isinstance(selector, dict):
        return False
    wanted = members(selector.get("matchLabels"))
    return all(
        text_of(value) is not None and labels.get(name) == text_of(value)
        for name, value in wanted.items()
    ) and all(_holds(members(each), labels) for each in items(selector.get("matchExpressions")))


def _holds(expression: dict[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator = text_of(expression.get("key")), expression.get("operator")
    value = labels.get(key or "")
    values = {text_of(each) for each in items(expression.get("values"))}
    if key is None:
        return False
    if operator == "In":
        return value is not None and value in values
    if operator == "NotIn":
        return value not in values
    if operator == "Exists":
        return value is not None
    return operator == "DoesNotExist" and value is None


class LabelledPods:
    """What can answer for a Service, by the labels of its Pods."""

    def __init__(self) -> None:
        self._having: dict[tuple[str, str, str], list[tuple[Ref, dict[str, str]]]] = defaultdict(
            list
        )

    def add(self, ref: Ref, labels: dict[str, str]) -> None:
        """Take in the labels of a workload's Pods, or of a Pod that has no workload."""
        for name, value in labels.items():
            self._having[ref.namespace, name, value].append((ref, labels))

    def selected(self, namespace: str, selector: Any) -> list[Ref]:
        """Whose Pods a Service's `selector` picks; nothing where it has none."""
        wanted = texts(selector)
        if not wanted or len(wanted) != len(members(selector)):
            return []
        rarest = min((self._having.get((namespace, *pair), []) for pair in wanted.items()), key=len)
        return sorted({ref for ref, labels in rarest if wanted.items() <= labels.items()})


class Budgets:
    """PodDisruptionBudgets by a label that their Pods must have, the one that fewest others want,
    so that a Pod is compared with few of them."""

    def __init__(self, budgets: Iterable[Thing]) -> None:
        self._of: dict[_Label, list[Thing]] = defaultdict(list)
        asking = [(budget, _asks_for(budget)) for budget in budgets]
        wanted = Counter(label for _, ways in asking for labels in ways for label in labels)
        for budget, ways in asking:
            rarest = min(ways, key=lambda labels: sum(wanted[label] for label in labels))
            for label in rarest:
                self._of[label].append(budget)

    def fitting(self, namespace: str, labels: Mapping[str, str]) -> list[Thing]:
        """The budgets that speak of Pods with these labels."""
        return [
            budget
            for budget in self.candidates(namespace, labels)
            if selects(budget.spec.get("selector"), labels)
        ]

    def candidates(self, namespace: str, labels: Mapping[str, str]) -> list[Thing]:
        """Those of which one label fits, or that ask for none."""
        found = [*self._of.get((namespace, None, None), ())]
        for name, value in labels.items():
            found.extend(self._of.get((namespace, name, value), ()))
            found.extend(self._of.get((namespace, name, None), ()))
        return found


def _asks_for(budget: Thing) -> list[set[_Label]]:
    """Sets of labels, of each of which a Pod must have exactly one; a label without a value may
    have any, and one without a name is had by all."""
    namespace, selector = budget.ref.namespace, budget.spec.get("selector")
    if selector == {} and budget.body.get("apiVersion") != "policy/v1":
        return [set()]  # before v1 an empty selector fitted no Pod
    if not isinstance(selector, dict):
        return [set()]
    ways: list[set[_Label]] = [
        {(namespace, name, text_of(value))} if text_of(value) is not None else set()
        for name, value in members(selector.get("matchLabels")).items()
    ]
    for expression in map(members, items(selector.get("matchExpressions"))):
        key, operator = text_of(expression.get("key")), expression.get("operator")
        if key is None:
            ways.append(set())
        elif operator == "In":
            values = map(text_of, items(expression.get("values")))
            ways.append({(namespace, key, value) for value in values if value is not None})
        elif operator == "Exists":
            ways.append({(namespace, key, None)})
    return ways or [{(namespace, None, None)}]


def min_up(budgets: Iterable[Thing], size: int, replicas: int | None) -> int | str:
    """How many of `size` Pods must be up: what the strictest of the budgets says, at least 1."""
    said = [_wanted(budget, size, replicas or size) for budget in budgets]
    count, written = max(said, default=(1, 1), key=lambda each: (each[0], str(each[1])))
    return "100%" if count > size else written


def _wanted(budget: Thing, size: int, expected: int) -> tuple[int, int | str]:
    """The count that a budget comes to, and how it is written.

    Percentages are rounded up, those of Pods that may be down as well, as Kubernetes does it
    ("Specifying a Disruption Budget for your Application").
    """
    available = budget.spec.get("minAvailable")
    down = budget.spec.get("maxUnavailable")
    share = _percent(available)
    if share is not None:
        count = _share(share, size)
        return (count, f"{share}%") if count else (1, 1)
    if available is not None:
        count = _count(available, 1)
    elif (share := _percent(down)) is not None:
        count = expected - _share(share, expected)
    else:
        count = expected - _count(down, expected)
    return max(1, count), max(1, count)


def _percent(value: Any) -> int | None:
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    return min(100, int(found[1])) if found else None


def _share(percent: int, whole: int) -> int:
    return -(-percent * whole // 100)


def _count(value: Any, otherwise: int) -> int:
    said = text_of(value) or ""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else otherwise  # noqa: PLR2004 - fits 32 bits
