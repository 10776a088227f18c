"""The health report agrees with an oracle that counts findings one by one."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from cmdb.health import Scope
from cmdb.load_options import LoadLimits
from tests.cmdb.healthy import examined, put
from tests.cmdb.inventories import empty
from tests.oracles.health_oracle import (
    FIELDS,
    Inventory,
    Item,
    conflicts,
    incomplete,
    orphans,
    score,
)

REQUIRED = {
    "business_service": {"owner", "support_group", "criticality"},
    "application": {"owner"},
    "generic": set[str](),
}
SAID = {
    "owner": st.sampled_from(["", "Ann", "ANN", "Bob"]),
    "support_group": st.sampled_from(["", "a", "b"]),
    "criticality": st.sampled_from(["", "1", "2"]),
}
ITEMS = st.builds(
    Item,
    name=st.just(""),
    ci_class=st.sampled_from(sorted(REQUIRED)),
    status=st.sampled_from(["active", "active", "planned", "retired", "maintenance"]),
    one=st.fixed_dictionaries(SAID),
    two=st.fixed_dictionaries(SAID),
)


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    drawn = draw(st.lists(ITEMS, min_size=1, max_size=6))
    items = [
        Item(f"ci {place}", each.ci_class, each.status, each.one, each.two)
        for place, each in enumerate(drawn)
    ]
    ends = st.integers(0, len(items) - 1)
    edges = draw(st.sets(st.tuples(ends, ends), max_size=5))
    return Inventory(items, {edge for edge in edges if edge[0] != edge[1]})


def rows(inventory: Inventory, source: str, *, status: bool) -> str:
    lines = [",".join(["name", "ci_class", *(["status"] if status else []), *FIELDS])]
    for item in inventory.items:
        said: dict[str, str] = getattr(item, source)
        first = [item.name, item.ci_class, *([item.status] if status else [])]
        lines.append(",".join([*first, *(said[name] for name in FIELDS)]))
    return "\n".join(lines) + "\n"


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(inventory=inventories())
def test_orphans_conflicts_and_missing_attributes_are_those_that_an_oracle_counts(
    sqlite_engine: Engine, inventory: Inventory
) -> None:
    empty(sqlite_engine)
    # The first word is that of the first source: it is named before, and says who is retired last.
    put(sqlite_engine, "name,ci_class\n", source="one", limits=LoadLimits(max_retired_share=1))
    put(sqlite_engine, rows(inventory, "two", status=False), source="two")
    edges = [f"ci {dependent},ci {provider}" for dependent, provider in inventory.edges]
    relationships = "\n".join(["dependent,provider", *edges]) + "\n"
    put(sqlite_engine, rows(inventory, "one", status=True), relationships, source="one")
    examination = examined(sqlite_engine)
    found: dict[str, set[str]] = {}
    names = {row: f"ci {row}" for row in range(len(inventory.items))}
    for each in examination.findings:
        found.setdefault(each.check, set()).add(names[each.row])
    assert found.get("orphan", set()) == orphans(inventory)
    assert found.get("conflicting_sources", set()) == conflicts(inventory)
    assert found.get("missing_required", set()) == incomplete(inventory, REQUIRED)

    worst: dict[str, str] = {}
    for each in reversed(examination.findings):  # errors stand first, and so are taken last
        worst[names[each.row]] = each.severity.value
    counts = [list(worst.values()).count(level) for level in ("error", "warning", "info")]
    living = sum(item.status != "retired" for item in inventory.items)
    numbers = examination.numbers(examination.within(Scope()))
    assert [numbers.errors, numbers.warnings, numbers.infos] == counts
    if living:
        assert numbers.score is not None
        assert abs(numbers.score - score(living, *counts)) <= 0.05001
