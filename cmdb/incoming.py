"""From parsed records to what reconciliation works on: checked values, or what is wrong."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from cmdb import values
from cmdb.attributes import checked_attributes
from cmdb.importers.records import Kind, KindSeen, ParsedRecord, Where
from cmdb.names import fold
from cmdb.plain_text import RefusedValueError, text
from cmdb.problems import Problems, problem
from cmdb.schemas import Problem
from opsatlas.errors import TooLargeError


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""The input says nothing about a field: what is there stays. None says "clear it"."""

STORED = tuple(values.CI_VALUES)
"""The stored fields of a CI, in the order of every tuple of values."""
NAME, CI_CLASS, STATUS = (STORED.index(each) for each in ("name", "ci_class", "status"))

_REPEATED = frozenset({"ci_class", "status", "environment", "owner", "support_group"})
_NOT_CLEARED = frozenset({"name", "ci_class", "status"})


@dataclass(slots=True)
class IncomingCI:
    """A CI as the input describes it."""

    where: Where
    key: str
    has_own_key: bool
    """False where the input gave no key, so that the name stands for it."""
    folded_name: str
    values: tuple[Any, ...]
    """In the order of `STORED`; the class as it was written, any may be ABSENT or None."""
    attributes: dict[str, Any]
    """Those that the input names; None takes one away."""


@dataclass(slots=True)
class IncomingRelationship:
    """A relationship as the input describes it; None where it says nothing."""

    where: Where
    dependent: str
    provider: str
    type: str
    dependency: str | None
    group: str | None
    min_up: values.MinUp | None


@dataclass(slots=True)
class Incoming:
    """Everything that one load brings."""

    cis: list[IncomingCI] = field(default_factory=list)
    relationships: list[IncomingRelationship] = field(default_factory=list)
    kinds: set[Kind] = field(default_factory=set)
    """The kinds that the input claims to list in full."""
    rejected: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    rejected_names: set[str] = field(default_factory=set)
    """Keys and folded names of the CIs that were rejected, where they could be read."""


DEFAULT_TYPE = "depends_on"


def take_in(
    items: Iterable[ParsedRecord | KindSeen | Problem],
    incoming: Incoming,
    problems: Problems,
    *,
    max_records: int,
    max_depth: int,
) -> None:
    """Check what an importer yields; good records go to `incoming`, the rest to `problems`.

    Raises TooLargeError above `max_records`.
    """
    last_rejected: tuple[Kind, Where] | None = None
    for item in items:
        if isinstance(item, KindSeen):
            incoming.kinds.add(item.kind)
        elif isinstance(item, Problem):
            problems.add(item)
            place = Where(item.file or "", item.row, _record_pointer(item.pointer))
            if item.kind is not None and last_rejected != (item.kind, place):
                last_rejected = (item.kind, place)
                incoming.rejected[item.kind] += 1
        else:
            if len(incoming.cis) + len(incoming.relationships) >= max_records:
                raise TooLargeError(
                    f"the input has more than {max_records:,} records",
                    hint="OPSATLAS_IMPORT_MAX_RECORDS is the limit",
                )
            incoming.kinds.add(item.kind)
            found = read_ci(item, max_depth) if item.kind is Kind.CI else read_relationship(item)
            if isinstance(found, IncomingCI):
                incoming.cis.append(found)
            elif isinstance(found, IncomingRelationship):
                incoming.relationships.append(found)
            else:
                problems.extend(found)
                incoming.rejected[item.kind] += 1
                if item.kind is Kind.CI:
                    incoming.rejected_names.update(_names(item))


def read_ci(record: ParsedRecord, max_depth: int) -> IncomingCI | list[Problem]:
    """A configuration item from a record, or everything that is wrong with it."""
    problems: list[Problem] = []
    read: list[Any] = []
    for name, check in values.CI_VALUES.items():
        raw = record.fields.get(name, ABSENT)
        value: Any = ABSENT
        if raw is None:
            value = ABSENT if name in _NOT_CLEARED else None
        elif raw is not ABSENT:
            try:
                value = check(raw)
            except RefusedValueError as error:
                problems.append(_refused(record, name, raw, error))
            if value is None:  # a blank cell does not erase what is there
                value = ABSENT
            elif name in _REPEATED and value is not ABSENT:
                value = sys.intern(value)
        read.append(value)
    own_key = None
    attributes: dict[str, Any] = {}
    try:
        own_key = values.key(record.fields.get("key"))
    except RefusedValueError as error:
        problems.append(_refused(record, "key", record.fields.get("key"), error))
    if record.attributes:
        try:
            attributes = checked_attributes(record.attributes, max_depth=max_depth)
        except RefusedValueError as error:
            problems.append(_refused(record, "attributes", None, error))
    if not problems:
        problems = [_missing(record, STORED[at]) for at in (NAME, CI_CLASS) if read[at] is ABSENT]
    if problems:
        return problems
    name = read[NAME]
    return IncomingCI(
        record.where,
        own_key or name,
        own_key is not None,
        fold(name),
        tuple(read),
        attributes,
    )


def read_relationship(record: ParsedRecord) -> IncomingRelationship | list[Problem]:
    """A relationship from a record, or everything that is wrong with it."""
    problems: list[Problem] = []

    def value(name: str, check: Any) -> Any:
        raw = record.fields.get(name)
        try:
            return check(raw)
        except RefusedValueError as error:
            problems.append(_refused(record, name, raw, error))
            return None

    dependent = value("dependent", values.key)
    provider = value("provider", values.key)
    type_name = value("type", text)
    dependency = value("dependency", values.dependency)
    group = value("redundancy_group", text)
    min_up = value("min_up", values.min_up)
    if not problems:
        ends = (("dependent", dependent), ("provider", provider))
        problems = [_missing(record, name) for name, end in ends if end is None]
    if not problems and min_up is not None and group is None:
        problems.append(
            problem(
                "min_up_without_group",
                "min_up says how many of a redundancy group must be up, but no group is named",
                where=record.where,
                kind=record.kind,
                column="min_up",
                value=min_up,
                hint="name the group in `redundancy_group`, or leave min_up empty",
            )
        )
    if problems:
        return problems
    return IncomingRelationship(
        record.where,
        sys.intern(dependent),
        sys.intern(provider),
        sys.intern(type_name or DEFAULT_TYPE),
        dependency,
        group if group is None else sys.intern(group),
        min_up,
    )


def _refused(record: ParsedRecord, name: str, raw: Any, error: RefusedValueError) -> Problem:
    return problem(
        error.code,
        error.message,
        where=record.where,
        kind=record.kind,
        column=name,
        value=raw,
        hint=error.hint,
    )


def _missing(record: ParsedRecord, name: str) -> Problem:
    return problem(
        "missing_value",
        f"{name!r} is required",
        where=record.where,
        kind=record.kind,
        column=name,
        value=record.fields.get(name),
    )


def _names(record: ParsedRecord) -> set[str]:
    """What relationships may call a rejected CI."""
    found: set[str] = set()
    for raw in (record.fields.get("key"), record.fields.get("name")):
        if isinstance(raw, str) and raw.strip():
            found |= {raw.strip(), fold(raw)}
    return found


def _record_pointer(pointer: str | None) -> str | None:
    """`/configuration_items/3` of a pointer that goes deeper: the record that was rejected."""
    return pointer if pointer is None else "/".join(pointer.split("/")[:3])
