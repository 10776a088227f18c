"""What a load would do with the records of one kind: create, change, leave, reject."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.importers.records import Where
from cmdb.problems import Problems, problem
from cmdb.references import CIReference
from cmdb.schemas import Severity
from kb.affected import resolve_lists
from kb.chunks import chunks
from kb.nouns import Noun
from kb.readers.files import ReadRecord
from kb.records import merged
from kb.schemas import RecordIn
from kb.stored import Fields, Stored, find, labels_of
from kb.visibility import VisibilityExcludesCallerError, check_writer, is_readable
from kb.writing import Draft, fields_of
from opsatlas.actor import Actor
from opsatlas.errors import ErrorItem, InvalidInputError


@dataclass(slots=True)
class Plan:
    """What is to be written, and what became of everything else."""

    drafts: list[Any] = field(default_factory=list)
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0


@dataclass(slots=True)
class _Incoming:
    item: RecordIn
    where: Where
    references: list[CIReference]


def plan(
    session: Session,
    actor: Actor,
    noun: Noun[Any, Any, Any],
    records: Sequence[ReadRecord],
    seen: dict[str, ReadRecord],
    problems: Problems,
) -> Plan:
    """Compare records with what is stored; what is wrong goes to `problems`.

    `seen` holds the numbers of the whole load, to find the ones that come twice.
    """
    planned = Plan()
    incoming = _without_doubles(records, seen, problems, planned)
    _name_the_unnamed(session, noun, incoming, actor.groups)
    numbers = [each.item.number for each in incoming if each.item.number is not None]
    before = find(session, noun, numbers, actor.groups)
    labels = labels_of(session, numbers, actor.groups)
    taken = {number: label for number, label in labels.items() if number not in before}
    incoming = [
        each
        for each in incoming
        if not _is_taken(each, taken, problems, planned)
        and not _is_out_of_hand(each, actor, problems, planned)
    ]
    for each, cis in _with_cis(session, incoming, problems, planned):
        stored = before.get(each.item.number or "")
        if stored is None:
            planned.drafts.append(Draft(fields_of(noun, each.item, cis), cis))
            planned.created += 1
        else:
            _plan_change(noun, stored, each, cis, planned, problems)
    return planned


def _plan_change(
    noun: Noun[Any, Any, Any],
    stored: Stored,
    each: _Incoming,
    cis: dict[str, int | None],
    planned: Plan,
    problems: Problems,
) -> None:
    changes = _set_fields(noun, each.item)
    if "cis" not in each.item.model_fields_set:
        cis = dict(stored.cis)
    elif set(cis) == set(stored.cis):
        cis = dict(stored.cis)  # what a name was linked to stays, and so does the order
    try:
        draft = merged(noun, stored, changes, cis)
    except InvalidInputError as error:
        _reject(each.where, error.errors[0], problems, planned)
        return
    if draft is None:
        planned.unchanged += 1
    else:
        planned.drafts.append(draft)
        planned.updated += 1


def _set_fields(noun: Noun[Any, Any, Any], item: RecordIn) -> Fields:
    names = item.model_fields_set - {"cis", "number"}
    return {
        name: list(dict.fromkeys(getattr(item, name)))
        if name in noun.links
        else getattr(item, name)
        for name in names
    }


def _without_doubles(
    records: Sequence[ReadRecord], seen: dict[str, ReadRecord], problems: Problems, planned: Plan
) -> list[_Incoming]:
    incoming = []
    for record in records:
        item = record.item
        assert isinstance(item, RecordIn)  # noqa: S101 - sections are told apart
        if item.number is not None and item.number in seen:
            first = seen[item.number].where
            fault = ErrorItem("/number", f"{item.number} is there already, in {first}", item.number)
            _reject(record.where, fault, problems, planned, "duplicate_number")
            continue
        if item.number is not None:
            seen[item.number] = record
        incoming.append(_Incoming(item, record.where, list(item.cis)))
    return incoming


def _name_the_unnamed(
    session: Session,
    noun: Noun[Any, Any, Any],
    incoming: Sequence[_Incoming],
    groups: frozenset[str] | None,
) -> None:
    """Give records without a number that of their stored twin, where there is one."""
    fields = ("title", *noun.texts)
    unnamed = [each for each in incoming if each.item.number is None]
    twins: dict[tuple[str, ...], list[str]] = {}
    columns = [getattr(noun.model, name) for name in ("number", *fields)]
    for chunk in chunks({each.item.title for each in unnamed}):
        statement = (
            select(*columns)
            .where(noun.model.title.in_(chunk), is_readable(noun.model, groups))
            .order_by(noun.model.id)
        )
        for number, *texts in session.execute(statement):
            twins.setdefault(tuple(texts), []).append(number)
    met: Counter[tuple[str, ...]] = Counter()
    for each in unnamed:
        # The file's second of two equal records is the second that is stored.
        key = tuple(getattr(each.item, name) for name in fields)
        numbers = twins.get(key, [])
        if met[key] < len(numbers):
            each.item = each.item.model_copy(update={"number": numbers[met[key]]})
        met[key] += 1


def _is_taken(each: _Incoming, taken: dict[str, str], problems: Problems, planned: Plan) -> bool:
    number = each.item.number
    if number is None or number not in taken:
        return False
    fault = ErrorItem("/number", f"{number} is the number of another {taken[number]}", number)
    _reject(each.where, fault, problems, planned, "number_taken")
    return True


def _is_out_of_hand(each: _Incoming, actor: Actor, problems: Problems, planned: Plan) -> bool:
    try:
        check_writer(getattr(each.item, "visibility", ()), actor.groups)
    except VisibilityExcludesCallerError as error:
        _reject(each.where, error.errors[0], problems, planned, error.code)
        return True
    return False


def _with_cis(
    session: Session, incoming: list[_Incoming], problems: Problems, planned: Plan
) -> list[tuple[_Incoming, dict[str, int | None]]]:
    """Each record with its CIs; unknown names are warnings, unknown ids and keys errors."""
    while True:
        try:
            found = resolve_lists(
                session, [each.references for each in incoming], keep_unknown=True
            )
        except InvalidInputError as error:
            # Take the records out that have references which must fit and do not.
            wrong = {int(item.pointer.split("/")[1]): item for item in error.errors}
            for row, item in wrong.items():
                _reject(incoming[row].where, item, problems, planned, "unresolved_ci", "cis")
            incoming = [each for row, each in enumerate(incoming) if row not in wrong]
            continue
        # Once a name: the first place is enough to find the others by.
        for item in {item.value: item for item in reversed(found.unresolved)}.values():
            problems.add(
                problem(
                    "unresolved_ci",
                    item.detail,
                    where=incoming[int(item.pointer.split("/")[1])].where,
                    severity=Severity.WARNING,
                    column="cis",
                    value=item.value,
                    hint=item.hint or "the name is kept and linked once there is such a CI",
                )
            )
        return list(zip(incoming, found.cis, strict=True))


def _reject(
    where: Where,
    fault: ErrorItem,
    problems: Problems,
    planned: Plan,
    code: str = "invalid_value",
    column: str | None = None,
) -> None:
    planned.rejected += 1
    problems.add(
        problem(
            code,
            fault.detail,
            where=where,
            column=column or fault.pointer.removeprefix("/") or None,
            value=fault.value,
            hint=fault.hint,
        )
    )
