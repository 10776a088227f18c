"""What is known of the records that search found: few queries in, plain values out."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

from kb.field_types import ResolutionCode
from kb.models import AffectedCI, Article, Incident, KnownError, RecordKind
from kb.succession import heir, successors
from kb.visibility import is_readable
from opsatlas.db.prepared import listed, prepared
from opsatlas.groups import UNGROUPED
from search.retriever import Hit

_BEGINNING = 600
"""Characters of symptoms and descriptions by which two incidents are told to be the same."""

_NUMBER = re.compile(r"\b[A-Za-z][A-Za-z0-9_]*-?[0-9][A-Za-z0-9-]*\b|\b[A-Z]+-[A-Z0-9]+\b")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that search found, or that stands behind one that it found."""

    kind: RecordKind
    id: int
    number: str
    title: str
    workaround: str = ""
    fix: str = ""
    body: str = ""
    """Of an article, in Markdown."""
    status: str = ""
    """Of a known error."""
    opened_at: datetime | None = None
    """Of an incident."""
    symptoms: str = ""
    """Of an incident; the beginning of its description where it names none."""
    known_error: str | None = None
    """Of an incident the known error behind it."""
    duplicate_of: tuple[str, ...] = ()
    """Numbers that an incident closed as a duplicate names in its texts."""
    superseded_by: tuple[str, ...] = ()
    """Numbers that an article names as its successors, of whatever is or is not there."""
    heir: str | None = None
    """The article among the candidates that has taken the place of this one."""
    cis: dict[str, int | None] = field(default_factory=dict)
    hit: Hit | None = None
    """None where search did not find it itself."""

    @property
    def helps(self) -> bool:
        """Whether it says what to do."""
        return bool(self.workaround or self.fix or self.body)


@dataclass(frozen=True, slots=True)
class Pool:
    """All candidates of one question by number, and the newest incidents of known errors, once
    `add_incidents` was asked for them."""

    candidates: dict[str, Candidate]
    incidents: dict[str, list[str]] = field(default_factory=dict)
    """By number of the known error, the newest first."""
    last_seen: dict[str, datetime] = field(default_factory=dict)
    """By number of the known error, when its newest incident was opened."""


def gather(
    session: Session, hits: Sequence[Hit], groups: frozenset[str] | None = UNGROUPED
) -> Pool:
    """The records of `hits`, with the known errors and originals that stand behind them; of all
    these what a caller in `groups` may read."""
    found = {kind: {hit.key: hit for hit in hits if hit.kind == kind} for kind in RecordKind}
    incidents = _incidents(session, found[RecordKind.INCIDENT], groups)
    originals = {number for each in incidents for number in each.duplicate_of}
    incidents += _incidents(
        session, dict.fromkeys(originals.difference(each.number for each in incidents)), groups
    )
    known_errors = _known_errors(session, incidents, found[RecordKind.KNOWN_ERROR], groups)
    articles = _articles(session, found[RecordKind.ARTICLE], groups)
    candidates = [*incidents, *known_errors, *articles]
    _add_cis(session, candidates)
    return Pool({candidate.number: candidate for candidate in candidates})


def _incidents(
    session: Session, hits: Mapping[str, Hit | None], groups: frozenset[str] | None
) -> list[Candidate]:
    if not hits:
        return []
    rows = session.execute(_incidents_of(groups), {"numbers": list(hits)})
    return [
        Candidate(
            RecordKind.INCIDENT,
            row.id,
            row.number,
            row.title,
            row.workaround.strip(),
            row.resolution.strip(),
            opened_at=row.opened_at,
            symptoms=row.symptoms.strip() or row.description.strip(),
            known_error=row.known_error,
            duplicate_of=_named(row.number, row.resolution, row.root_cause, row.workaround)
            if row.resolution_code == ResolutionCode.DUPLICATE
            else (),
            hit=hits[row.number],
        )
        for row in rows
    ]


def _known_errors(
    session: Session,
    incidents: Sequence[Candidate],
    hits: Mapping[str, Hit],
    groups: frozenset[str] | None,
) -> list[Candidate]:
    wanted = {each.known_error for each in incidents if each.known_error}.union(hits)
    if not wanted:
        return []
    rows = session.execute(_known_errors_of(groups), {"numbers": list(wanted)})
    return [
        Candidate(
            RecordKind.KNOWN_ERROR,
            row.id,
            row.number,
            row.title,
            row.workaround.strip(),
            row.fix.strip(),
            status=row.status,
            hit=hits.get(row.number),
        )
        for row in rows
    ]


def _articles(
    session: Session, hits: Mapping[str, Hit], groups: frozenset[str] | None
) -> list[Candidate]:
    """The articles that were found, and those that took their place."""
    if not hits:
        return []
    superseded_by = successors(session, hits, groups)
    rows = session.execute(
        select(Article.id, Article.number, Article.title, Article.body).where(
            Article.number.in_(
                {*hits, *(each for numbers in superseded_by.values() for each in numbers)}
            ),
            is_readable(Article, groups),
        )
    ).all()
    standing = {row.number for row in rows if row.body.strip()}
    return [
        Candidate(
            RecordKind.ARTICLE,
            row.id,
            row.number,
            row.title,
            body=row.body,
            superseded_by=tuple(superseded_by.get(row.number, ())),
            heir=heir(row.number, superseded_by, standing),
            hit=hits.get(row.number),
        )
        for row in rows
    ]


def _named(own: str, *texts: str) -> tuple[str, ...]:
    """What in `texts` looks like the number of another record."""
    numbers = dict.fromkeys(match[0] for text in texts for match in _NUMBER.finditer(text))
    return tuple(number for number in numbers if number != own)


def _add_cis(session: Session, candidates: Iterable[Candidate]) -> None:
    """Fill in the CIs of all of them."""
    by_kind: dict[str, dict[int, Candidate]] = defaultdict(dict)
    for each in candidates:
        by_kind[each.kind.value][each.id] = each
    for kind, by_id in by_kind.items():
        # One kind at a time: of a list of pairs SQLite does not use the index.
        rows = session.execute(_CIS_OF, {"kind": kind, "ids": list(by_id)})
        for row in rows:
            by_id[row.record_id].cis[row.name] = row.ci_id


def add_incidents(
    session: Session,
    pool: Pool,
    known_errors: Collection[str],
    most: int,
    groups: frozenset[str] | None = UNGROUPED,
) -> None:
    """Fill in the newest incidents of these known errors, at most `most` of each."""
    newest = _newest_of(most, groups)
    for number in known_errors:
        rows = session.execute(newest, {"known_error": number}).all()
        pool.incidents[number] = [row.number for row in rows]
        if rows:
            pool.last_seen[number] = rows[0].opened_at


@prepared
def _incidents_of(groups: frozenset[str] | None) -> Select[Any]:
    return select(
        Incident.id,
        Incident.number,
        Incident.title,
        Incident.root_cause,
        Incident.workaround,
        Incident.resolution,
        Incident.resolution_code,
        Incident.known_error,
        Incident.opened_at,
        func.substr(Incident.symptoms, 1, _BEGINNING).label("symptoms"),
        func.substr(Incident.description, 1, _BEGINNING).label("description"),
    ).where(Incident.number.in_(listed("numbers")), is_readable(Incident, groups))


@prepared
def _known_errors_of(groups: frozenset[str] | None) -> Select[int, str, str, str, str, str]:
    return select(
        KnownError.id,
        KnownError.number,
        KnownError.title,
        KnownError.workaround,
        KnownError.fix,
        KnownError.status,
    ).where(KnownError.number.in_(listed("numbers")), is_readable(KnownError, groups))


@prepared
def _newest_of(most: int, groups: frozenset[str] | None) -> Select[str, datetime]:
    return (
        select(Incident.number, Incident.opened_at)
        .where(Incident.known_error == bindparam("known_error"), is_readable(Incident, groups))
        .order_by(Incident.opened_at.desc(), Incident.id.desc())
        .limit(most)
    )


_CIS_OF = (
    select(AffectedCI.record_id, AffectedCI.name, AffectedCI.ci_id)
    .where(AffectedCI.record_kind == bindparam("kind"), AffectedCI.record_id.in_(listed("ids")))
    .order_by(AffectedCI.id)
)
