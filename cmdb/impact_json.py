"""An impact answer as JSON text, written straight from what was found.

The same document as `ImpactAnswer` gives (a test holds the two together). A failure that reaches
thousands of services has some ten thousand steps on their paths: as models they cost a hundred
times what finding them did. Here each step is written once, and copied into the paths it is on.
"""

from __future__ import annotations

import json
import time
from json.encoder import encode_basestring

from pydantic_core import to_json

from cmdb.impact import Cause, Step
from cmdb.impact_findings import STATE_NAMES, Findings, Hit, Listed
from cmdb.impact_inventory import Named
from cmdb.priority import Assessment


def impact_json(found: Findings, assessment: Assessment, started: float) -> bytes:
    """The answer; `started` is when its making began, by `time.perf_counter`."""
    steps = {ci_id: _step(found, step) for ci_id, step in found.steps.items()}
    parts = {
        "failed": _list([_closed(_name(found.names[each])) for each in found.failed]),
        "services": _list([_service(found, hit, steps) for hit in found.hits]),
        "configuration_items": _list([_item(found, each) for each in found.listed]),
        "counts": _counts(found),
        "priority": _priority(assessment),
        "contacts": _contacts(found),
        "truncated": "true" if found.truncated else "false",
        "graph_version": str(found.revision),
        "as_of": to_json(found.at).decode(),
        "took_ms": str(round((time.perf_counter() - started) * 1000, 2)),
    }
    return _closed("{" + ",".join([f'"{name}":{part}' for name, part in parts.items()])).encode()


def _list(parts: list[str]) -> str:
    return "[" + ",".join(parts) + "]"


def _closed(text: str) -> str:
    return text + "}"


def _text(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)


def _name(row: Named) -> str:
    """The beginning of an object about a CI."""
    return (
        f'{{"id":{row.id},"name":{encode_basestring(row.name)}'
        f',"ci_class":{encode_basestring(row.ci_class)}'
    )


def _service(found: Findings, hit: Hit, steps: dict[int, str]) -> str:
    row = hit.named
    path = ",".join([steps[each] for each in found.path_to(row.id)])
    return (
        f'{_name(row)},"state":"{STATE_NAMES[hit.state]}"'
        f',"criticality":{_number(row.criticality)},"owner":{_text(row.owner)}'
        f',"support_group":{_text(row.support_group)}'
        f',"distance":{hit.distance},"path":[{path}]}}'
    )


def _step(found: Findings, step: Step) -> str:
    name = _name(found.names[step.ci_id])
    because = _because(found, step.cause)
    return f'{name},"state":"{STATE_NAMES[step.state]}","because":{because}}}'


def _because(found: Findings, cause: Cause) -> str:
    if cause.group_id is None:
        return (
            f'{{"kind":"{cause.kind.value}","provider":{_number(cause.provider_id)}'
            f',"relationship_type":{_text(found.type_of(cause))},"group":null'
            ',"members":null,"up":null,"min_up":null}'
        )
    return (
        f'{{"kind":"{cause.kind.value}","provider":{_number(cause.provider_id)}'
        f',"relationship_type":{_text(found.type_of(cause))},"group":{_text(found.group_of(cause))}'
        f',"members":{_number(cause.members)},"up":{_number(cause.up)}'
        f',"min_up":{_number(cause.min_up)}}}'
    )


def _item(found: Findings, each: Listed) -> str:
    name = _name(found.names[each.ci_id])
    return f'{name},"state":"{STATE_NAMES[each.state]}","distance":{each.distance}}}'


def _counts(found: Findings) -> str:
    by_state = {name: found.counts[state] for state, name in reversed(STATE_NAMES.items())}
    return json.dumps(by_state | {"services": len(found.hits)})


def _priority(assessment: Assessment) -> str:
    return json.dumps(
        {
            "impact": assessment.impact,
            "urgency": assessment.urgency,
            "priority": assessment.priority,
            "label": assessment.priority.label,
            "reason": assessment.reason,
        },
        ensure_ascii=False,
    )


def _contacts(found: Findings) -> str:
    rows = [
        {"support_group": group, "owner": owner, "services": names}
        for (group, owner), names in found.contacts().items()
    ]
    return json.dumps(rows, ensure_ascii=False)
