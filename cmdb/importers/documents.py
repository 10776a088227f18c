"""The shape that native JSON and YAML share: two lists of objects, told in field names."""

from collections.abc import Iterator
from typing import Any

from cmdb.importers.records import (
    CI_FIELDS,
    RELATIONSHIP_FIELDS,
    BadValue,
    Kind,
    KindSeen,
    ParsedRecord,
    Where,
)
from cmdb.names import did_you_mean
from cmdb.problems import problem
from cmdb.schemas import Problem

SECTIONS = {"configuration_items": Kind.CI, "relationships": Kind.RELATIONSHIP}
"""The lists that a native document holds."""
_FIELDS = {Kind.CI: (*CI_FIELDS, "attributes"), Kind.RELATIONSHIP: RELATIONSHIP_FIELDS}


class Object(dict[str, Any]):
    """An object of the file, where there is more to say of it than its members."""

    __slots__ = ("duplicates", "line", "merged")

    def __init__(
        self, pairs: Any = (), *, line: int | None = None, duplicates: tuple[str, ...] = ()
    ) -> None:
        super().__init__(pairs)
        self.line = line
        self.duplicates = duplicates
        self.merged: set[str] = set()
        """Names that came by YAML's `<<`: a later line of the mapping's own replaces them."""


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict of `pairs`, or an `Object` that remembers which names came twice."""
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen: set[str] = set()
    twice = [name for name, _ in pairs if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
    return Object(members, duplicates=tuple(dict.fromkeys(twice)))


def records(
    document: Any, file: str, max_depth: int
) -> Iterator[ParsedRecord | KindSeen | Problem]:
    """The records of one decoded document."""
    top = Where(file, getattr(document, "line", None), "")
    if not isinstance(document, dict):
        yield problem(
            "unexpected_shape",
            "the file must hold one object with `configuration_items` and `relationships`",
            where=top,
            value=document,
            hint='{"configuration_items": [{…}], "relationships": [{…}]}',
        )
        return
    yield from _duplicates(document, top, None)
    for name, entries in document.items():
        kind = SECTIONS.get(name)
        where = Where(file, None, f"/{name}")
        if kind is None:
            yield problem(
                "unknown_field",
                f"there is no section {name!r}",
                where=top,
                column=name,
                hint=did_you_mean(name, SECTIONS) or "the sections are " + ", ".join(SECTIONS),
            )
        elif not isinstance(entries, list):
            yield problem(
                "unexpected_shape",
                f"{name!r} must be a list of objects",
                where=where,
                value=entries,
            )
        else:
            yield KindSeen(kind)
            for position, entry in enumerate(entries):
                line = getattr(entry, "line", None)
                yield from _record(kind, entry, Where(file, line, f"/{name}/{position}"), max_depth)


def _record(
    kind: Kind, entry: Any, where: Where, max_depth: int
) -> Iterator[ParsedRecord | Problem]:
    if not isinstance(entry, dict):
        yield problem(
            "unexpected_shape", "a record must be an object", where=where, kind=kind, value=entry
        )
        return
    known = _FIELDS[kind]
    problems = list(_duplicates(entry, where, kind))
    for name, value in entry.items():
        if name not in known:
            problems.append(_unknown_field(kind, name, value, where))
        elif name == "attributes":
            if value is not None and not isinstance(value, dict):
                problems.append(_wrong_type(kind, name, value, where, "an object"))
            else:
                problems.extend(_bad_attributes(value or {}, where, max_depth))
        elif isinstance(value, dict | list):
            problems.append(_wrong_type(kind, name, value, where, "a single value"))
        elif isinstance(value, BadValue):
            problems.append(_bad_value(value, where, kind, name))
    if problems:
        yield from problems
        return
    fields = dict(entry)
    attributes = fields.pop("attributes", None) or {}
    yield ParsedRecord(kind, where, fields, attributes)


def _bad_attributes(attributes: dict[str, Any], where: Where, max_depth: int) -> Iterator[Problem]:
    """What is wrong inside of attributes; level by level, so that depth cannot fill the stack."""
    place = where._replace(pointer=f"{where.pointer}/attributes")
    level: list[tuple[str, Any]] = [("", attributes)]
    for _depth in range(max_depth):
        below: list[tuple[str, Any]] = []
        for path, value in level:
            if isinstance(value, dict):
                at = place._replace(pointer=f"{place.pointer}{path}")
                yield from _duplicates(value, at, Kind.CI)
                below.extend((f"{path}/{name}", member) for name, member in value.items())
            elif isinstance(value, list):
                below.extend((f"{path}/{position}", item) for position, item in enumerate(value))
            elif isinstance(value, BadValue):
                at = place._replace(pointer=f"{place.pointer}{path}")
                yield _bad_value(value, at, Kind.CI, None)
        if not below:
            return
        level = below
    yield problem(
        "too_deep",
        f"the attributes are nested deeper than {max_depth} levels",
        where=place,
        kind=Kind.CI,
    )


def _duplicates(value: dict[str, Any], where: Where, kind: Kind | None) -> Iterator[Problem]:
    for name in value.duplicates if isinstance(value, Object) else ():
        yield problem(
            "duplicate_field",
            f"{name!r} is there more than once in one object",
            where=where,
            kind=kind,
            column=name,
            hint="keep one of them",
        )


def _unknown_field(kind: Kind, name: str, value: Any, where: Where) -> Problem:
    known = _FIELDS[kind]
    hint = did_you_mean(name, known)
    if kind is Kind.CI:
        hint = f"{hint or ''} fields of your own go into `attributes`".strip()
    return problem(
        "unknown_field",
        f"there is no field {name!r}",
        where=where,
        kind=kind,
        column=name,
        value=value,
        hint=hint or f"the fields are {', '.join(known)}",
    )


def _wrong_type(kind: Kind, name: str, value: Any, where: Where, expected: str) -> Problem:
    return problem(
        "wrong_type",
        f"{name!r} must be {expected}",
        where=where,
        kind=kind,
        column=name,
        value=value,
    )


def _bad_value(value: BadValue, where: Where, kind: Kind, column: str | None) -> Problem:
    return problem(
        "invalid_value",
        f"{value.written[:40]} is {value.why}",
        where=where,
        kind=kind,
        column=column,
        value=value,
    )
