"""From parsed records to what reconciliation works on: checked values, or what is wrong."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from cmdb import values
from cmdb.attributes import checked_attributes
from cmdb.importers.records import Kind, KindSeen, ParsedRecord, Where
from cmdb.importers.secrets import SecretsLeftOut, holds_a_secret
from cmdb.names import fold
from cmdb.plain_text import RefusedValueError, text
from cmdb.problems import Problems, problem
from cmdb.schemas import Problem, Severity
from opsatlas.errors import TooLargeError


class Absent(Enum):
    """The type of `ABSENT`."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
"""The input says nothing about a field: what is there stays. None says "clear it"."""

STORED = tuple(values.CI_VALUES)
"""The stored fields of a CI, in the order of every tuple of values."""
NAME, CI_CLASS, STATUS = (STORED.index(each) for each in ("name", "ci_class", "status"))

_REPEATED = frozenset(
    {"ci_class", "status", "environment", "criticality", "owner", "support_group"}
)
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
    incomplete: set[Kind] = field(default_factory=set)
    """The kinds of which the input says that it does not hold them all."""
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

    Attributes that look like secrets are left out, whatever the format is.

    Raises TooLargeError above `max_records`.
    """
    last_rejected: tuple[Kind, Where] | None = None
    secrets, known = SecretsLeftOut(max_depth), _Known()
    for item in items:
        if isinstance(item, KindSeen):
            (incoming.kinds if item.whole else incoming.incomplete).add(item.kind)
        elif isinstance(item, Problem):
            problems.add(item)
            place = Where(item.file or "", item.row, _record_pointer(item.pointer))
            if item.severity is not Severity.ERROR or item.kind is None:
                continue
            if last_rejected != (item.kind, place):
                last_rejected = (item.kind, place)
                incoming.rejected[item.kind] += 1
        else:
            if len(incoming.cis) + len(incoming.relationships) >= max_records:
                raise TooLargeError(
                    f"the input has more than {max_records:,} records",
                    hint="OPSATLAS_IMPORT_MAX_RECORDS is the limit",
                )
            incoming.kinds.add(item.kind)
            if item.attributes:
                item.attributes = secrets.without(item.attributes, item.where.file)
            if item.kind is Kind.CI:
                found: Any = read_ci(item, known, max_depth)
            else:
                found = read_relationship(item, known)
            if isinstance(found, IncomingCI):
                incoming.cis.append(found)
            elif isinstance(found, IncomingRelationship):
                incoming.relationships.append(found)
            else:
                problems.extend(found)
                incoming.rejected[item.kind] += 1
                if item.kind is Kind.CI:
                    incoming.rejected_names.update(_names(item))
    problems.extend(secrets.warnings())


class _Known:
    """Values that were checked before: an inventory says most of them many times."""

    def __init__(self) -> None:
        self._values: dict[tuple[Callable[[Any], Any], str], Any] = {}

    def value(self, check: Callable[[Any], Any], raw: Any) -> Any:
        """What `check` makes of `raw`. Raises as it does."""
        if not isinstance(raw, str):
            return check(raw)
        place = check, raw
        try:
            return self._values[place]
        except KeyError:
            made = self._values[place] = check(raw)
            return made


def read_ci(record: ParsedRecord, known: _Known, max_depth: int) -> IncomingCI | list[Problem]:
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
                value = known.value(check, raw) if name in _REPEATED else check(raw)
            except RefusedValueError as error:
                problems.append(_refused(record, name, raw, error))
            if value is None:  # a blank cell does not erase what is there
                value = ABSENT
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


def read_relationship(record: ParsedRecord, known: _Known) -> IncomingRelationship | list[Problem]:
    """A relationship from a record, or everything that is wrong with it."""
    problems: list[Problem] = []

    def value(name: str, check: Callable[[Any], Any]) -> Any:
        raw = record.fields.get(name)
        if raw is None:
            return None
        try:
            return known.value(check, raw)
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
        dependent,
        provider,
        type_name or DEFAULT_TYPE,
        dependency,
        group,
        min_up,
    )


def _refused(record: ParsedRecord, name: str, raw: Any, error: RefusedValueError) -> Problem:
    secret = isinstance(raw, str) and holds_a_secret(raw)
    return problem(
        error.code,
        error.message if not secret else "this value cannot be, and it looks like a secret",
        where=record.where,
        kind=record.kind,
        column=name,
        value=None if secret else raw,
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
