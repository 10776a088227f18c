"""Writing records to their tables: versioned, audited, and found by search from the commit on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from cmdb.priority import DEFAULT_MATRIX, Impact, PriorityMatrix, Urgency
from kb import affected, stored
from kb.documents import document, enqueue_encoding
from kb.models import RecordLink
from kb.nouns import In, Noun, Out, Patch
from kb.stored import Fields, Stored
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.audit import AuditEntry, Write, difference
from opsatlas.clock import now, rfc3339
from search.documents import put_documents
from search.passages import PASSAGE_WORDS

RECORD_CHANGED = "record"
"""What changed of a revision in which records were written, whatever became of their texts."""

_LOOK_AHEAD = 50  # numbers that are looked at at once for a free one


@dataclass(frozen=True, slots=True)
class WritePolicy:
    """The settings that a write depends on."""

    passage_words: int = PASSAGE_WORDS
    """The setting `search_passage_words`."""
    matrix: PriorityMatrix = DEFAULT_MATRIX
    """Of the setting `priority_matrix`: an incident's priority follows from it."""


DEFAULT_POLICY = WritePolicy()


@dataclass(slots=True)
class Draft:
    """A record that is to be written: its fields (CIs by name), its CIs, what it was before."""

    fields: Fields
    cis: dict[str, int | None]
    before: Stored | None = None


def fields_of(noun: Noun[In, Patch, Out], item: In, cis: dict[str, int | None]) -> Fields:
    """The fields of a record as they are stored, its CIs by name."""
    fields = {name: getattr(item, name) for name in (*noun.columns, *noun.links)}
    fields |= {name: list(dict.fromkeys(fields[name])) for name in noun.links}
    return fields | {"cis": list(cis)}


def write(
    session: Session,
    actor: Actor,
    noun: Noun[In, Patch, Out],
    drafts: Sequence[Draft],
    policy: WritePolicy = DEFAULT_POLICY,
) -> list[str]:
    """Write drafts that were checked; returns their numbers.

    The caller holds `revision.lock`, which keeps two writers from giving one number twice.
    """
    new = [draft for draft in drafts if draft.before is None]
    free = iter(_free_numbers(session, noun, sum(each.fields["number"] is None for each in new)))
    for draft in new:
        draft.fields["number"] = draft.fields["number"] or next(free)
    ids = _insert(session, noun, new, policy) | _update(
        session, noun, [draft for draft in drafts if draft.before is not None], policy
    )
    revision.note(session, RECORD_CHANGED, ids.values())
    affected.store(
        session,
        noun.kind,
        {
            ids[draft.fields["number"]]: draft.cis
            for draft in drafts
            if draft.before is None or draft.before.cis != draft.cis
        },
    )
    _store_links(session, noun, drafts)
    audit.record(session, actor, [_audited(noun, draft) for draft in drafts])
    if noun.suggested and drafts:
        put_documents(
            session,
            [document(noun, draft.fields) for draft in drafts],
            passage_words=policy.passage_words,
        )
        enqueue_encoding(session)
    return [draft.fields["number"] for draft in drafts]


def _insert(
    session: Session, noun: Noun[In, Patch, Out], drafts: Sequence[Draft], policy: WritePolicy
) -> dict[str, int]:
    if not drafts:
        return {}
    moment = now()
    rows: list[dict[str, Any]] = [
        {"created_at": moment, "updated_at": moment, "version": 1} | _row(noun, draft, policy)
        for draft in drafts
    ]
    ids = session.scalars(
        insert(noun.model).returning(noun.model.id, sort_by_parameter_order=True), rows
    ).all()
    return {row["number"]: row_id for row, row_id in zip(rows, ids, strict=True)}


def _update(
    session: Session, noun: Noun[In, Patch, Out], drafts: Sequence[Draft], policy: WritePolicy
) -> dict[str, int]:
    ids: dict[str, int] = {}
    rows = []
    moment = now()
    for draft in drafts:
        assert draft.before is not None  # noqa: S101 - whoever calls has told them apart
        row = draft.before.row
        ids[row.number] = row.id
        rows.append(
            _row(noun, draft, policy)
            | {"id": row.id, "version": row.version + 1, "updated_at": moment}
        )
    if rows:
        session.execute(update(noun.model), rows)
    return ids


def _row(noun: Noun[In, Patch, Out], draft: Draft, policy: WritePolicy) -> dict[str, Any]:
    row = {name: draft.fields[name] for name in noun.columns}
    if hasattr(noun.model, "priority"):
        impact, urgency = row["impact"], row["urgency"]
        row["priority"] = (
            int(policy.matrix.priority(Impact(impact), Urgency(urgency)))
            if impact and urgency
            else None
        )
    return row


def _store_links(session: Session, noun: Noun[In, Patch, Out], drafts: Sequence[Draft]) -> None:
    if not noun.links:
        return
    remove_links(session, noun, [draft.fields["number"] for draft in drafts])
    rows = [
        {
            "from_kind": noun.kind.value,
            "from_number": draft.fields["number"],
            "to_kind": kind.value,
            "to_number": number,
        }
        for draft in drafts
        for name, kind in noun.links.items()
        for number in draft.fields[name]
    ]
    if rows:
        session.execute(insert(RecordLink), rows)


def remove_links(session: Session, noun: Noun[In, Patch, Out], numbers: Sequence[str]) -> None:
    """Forget the links that go out from these records."""
    session.execute(
        delete(RecordLink).where(
            RecordLink.from_kind == noun.kind, RecordLink.from_number.in_(numbers)
        )
    )


def _audited(noun: Noun[In, Patch, Out], draft: Draft) -> Write:
    after = audited_fields(draft.fields)
    number = draft.fields["number"]
    if draft.before is None:
        return Write("create", noun.kind, number, None, after)
    return Write(
        "update", noun.kind, number, *difference(audited_fields(draft.before.fields), after)
    )


def audited_fields(fields: Fields) -> dict[str, Any]:
    """The fields as the audit trail keeps them."""
    return {
        name: rfc3339(value) if isinstance(value, datetime) else value
        for name, value in fields.items()
    }


def _free_numbers(session: Session, noun: Noun[In, Patch, Out], count: int) -> list[str]:
    """The next numbers that no record has or ever had: the audit trail must stay unambiguous."""
    free: list[str] = []
    start = (session.scalar(select(func.max(noun.model.id))) or 0) + 1 if count else 0
    while len(free) < count:
        numbers = [f"{noun.prefix}-{start + step:04d}" for step in range(count + _LOOK_AHEAD)]
        used = set(stored.kinds_of(session, numbers, None)) | set(
            session.scalars(
                select(AuditEntry.entity_id).where(
                    AuditEntry.entity == noun.kind, AuditEntry.entity_id.in_(numbers)
                )
            )
        )
        free += [number for number in numbers if number not in used]
        start += len(numbers)
    return free[:count]
