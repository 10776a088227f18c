"""Create, change and delete records; each call is all or nothing in the caller's unit of work."""

from collections.abc import Sequence

from pydantic import ValidationError
from sqlalchemy import delete as delete_rows
from sqlalchemy.orm import Session

from cmdb.references import CIReference
from kb import affected, stored
from kb.checks import invalid
from kb.models import Feedback
from kb.nouns import In, Noun, Out, Patch
from kb.stored import Fields, Stored
from kb.visibility import check_writer
from kb.writing import (
    DEFAULT_POLICY,
    Draft,
    WritePolicy,
    audited_fields,
    fields_of,
    remove_links,
    write,
)
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import Write
from opsatlas.errors import ConflictError, ErrorItem, InvalidInputError, PreconditionFailedError
from search.documents import remove_documents


class NumberTakenError(ConflictError):
    """Another record has this number already."""

    code = "number_taken"


class StaleVersionError(PreconditionFailedError):
    """The record was changed since the caller read it."""

    code = "stale_version"


def create(
    session: Session,
    actor: Actor,
    noun: Noun[In, Patch, Out],
    items: Sequence[In],
    *,
    single: bool = False,
    policy: WritePolicy = DEFAULT_POLICY,
) -> list[Out]:
    """Create records, all or none, in this order; those without a number are given the next free.

    `single` says that the input was one object rather than a list, for the pointers of errors.
    Raises UnresolvedCIError for CIs that are unknown or ambiguous, NumberTakenError,
    VisibilityExcludesCallerError.
    """
    revision.lock(session)
    at = [""] if single else [f"/{row}" for row in range(len(items))]
    _refuse_taken(session, actor, [item.number for item in items], at)
    for item, place in zip(items, at, strict=True):
        check_writer(getattr(item, "visibility", ()), actor.groups, f"{place}/visibility")
    cis = _resolve(session, [item.cis for item in items], [f"{each}/cis" for each in at])
    drafts = [
        Draft(fields_of(noun, item, each), each) for item, each in zip(items, cis, strict=True)
    ]
    numbers = write(session, actor, noun, drafts, policy)
    found = stored.find(session, noun, numbers, actor.groups)
    return [stored.out(noun, found[number]) for number in numbers]


def change(
    session: Session,
    actor: Actor,
    noun: Noun[In, Patch, Out],
    number: str,
    patch: Patch,
    *,
    if_version: int | None = None,
    policy: WritePolicy = DEFAULT_POLICY,
) -> Out:
    """Change the fields that `patch` sets; a patch that changes nothing leaves the version.

    Raises NoSuchRecordError, StaleVersionError where the version is not `if_version`,
    InvalidRecordError for fields that do not fit together, UnresolvedCIError,
    VisibilityExcludesCallerError.
    """
    revision.lock(session)
    before = stored.get_stored(session, noun, number, actor.groups)
    _check_version(noun, before, if_version)
    changes = patch.model_dump(exclude_unset=True, exclude={"cis"})
    cis = dict(before.cis)
    if "cis" in patch.model_fields_set:
        references: list[CIReference] = getattr(patch, "cis") or []  # noqa: B009 - by noun
        # Names that stay keep the CI that they were linked to, though the name fits several now.
        added = [each for each in references if each not in cis]
        (resolved,) = _resolve(session, [added], ["/cis"])
        kept = {each: cis[each] for each in references if isinstance(each, str) and each in cis}
        cis = kept | resolved
    draft = merged(noun, before, changes, cis)
    if draft is not None:
        check_writer(draft.fields.get("visibility", ()), actor.groups)
        write(session, actor, noun, [draft], policy)
    return stored.get(session, noun, number, actor.groups)


def delete(
    session: Session,
    actor: Actor,
    noun: Noun[In, Patch, Out],
    number: str,
    *,
    if_version: int | None = None,
) -> None:
    """Delete a record, its search document and the feedback that names it.

    Other records may go on naming its number. Raises NoSuchRecordError, StaleVersionError.
    """
    revision.lock(session)
    before = stored.get_stored(session, noun, number, actor.groups)
    _check_version(noun, before, if_version)
    affected.remove(session, noun.kind, [before.row.id])
    remove_links(session, noun, [number])
    session.execute(
        delete_rows(Feedback).where((Feedback.suggestion == number) | (Feedback.incident == number))
    )
    session.execute(delete_rows(noun.model).where(noun.model.id == before.row.id))
    remove_documents(session, noun.kind, [number])
    gone = Write("delete", noun.kind, number, audited_fields(before.fields), None)
    audit.record(session, actor, [gone])


def merged(
    noun: Noun[In, Patch, Out], before: Stored, changes: Fields, cis: dict[str, int | None]
) -> Draft | None:
    """The record with `changes` and these CIs; None where that is what it was.

    What the record names and the caller does not see stays, whatever the caller makes of the rest.
    Raises InvalidRecordError for fields that do not fit together.
    """
    if before.unseen:
        changes = changes | _kept(noun, before, changes)
    after = before.fields | changes | {"cis": list(cis)}
    if after == before.fields and cis == before.cis:
        return None
    try:
        checked = noun.input.model_validate(after)
    except ValidationError as error:
        raise invalid(error, noun.input) from error
    return Draft(fields_of(noun, checked, cis), cis, before)


def _kept(noun: Noun[In, Patch, Out], before: Stored, changes: Fields) -> Fields:
    """Those of `changes` that would take away what the caller does not see, without doing so."""
    kept: Fields = {}
    for name in noun.links:
        if name in changes:
            was, given = before.fields[name], changes[name] or []
            seen = [number for number in was if number not in before.unseen]
            unseen = [number for number in was if number in before.unseen]
            kept[name] = was if given == seen else [*given, *unseen]
    for name in noun.references:
        if name in changes and changes[name] is None and before.fields[name] in before.unseen:
            kept[name] = before.fields[name]
    return kept


def _resolve(
    session: Session, lists: Sequence[Sequence[CIReference]], at: Sequence[str]
) -> list[dict[str, int | None]]:
    """The CIs of each list, all of which must be known; `at` is the JSON pointer of each list."""
    try:
        return affected.resolve_lists(session, lists, keep_unknown=False).cis
    except InvalidInputError as error:
        error.errors = tuple(_moved(item, at) for item in error.errors)
        raise


def _moved(item: ErrorItem, at: Sequence[str]) -> ErrorItem:
    row, _, place = item.pointer.removeprefix("/").partition("/")
    return ErrorItem(f"{at[int(row)]}/{place}", item.detail, item.value, item.hint, item.candidates)


def _refuse_taken(
    session: Session, actor: Actor, numbers: Sequence[str | None], at: Sequence[str]
) -> None:
    given = [number for number in numbers if number is not None]
    labels = stored.labels_of(session, given, actor.groups)
    errors = []
    for row, number in enumerate(numbers):
        if number is None:
            continue
        if number in labels:
            what = f"{number} is the number of another {labels[number]}"
        elif number in numbers[:row]:
            what = f"{number} is there twice"
        else:
            continue
        hint = "leave the number out to be given a free one"
        errors.append(ErrorItem(f"{at[row]}/number", what, number, hint))
    if errors:
        raise NumberTakenError(errors[0].detail, hint=errors[0].hint, errors=errors)


def _check_version(noun: Noun[In, Patch, Out], before: Stored, if_version: int | None) -> None:
    if if_version is not None and before.row.version != if_version:
        raise StaleVersionError(
            f"{noun.label} {before.row.number} is at version {before.row.version},"
            f" not {if_version}",
            hint="read it again and repeat the change",
        )
