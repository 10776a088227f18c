"""What is known of the records that search found: few queries in, plain values out."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from kb.field_types import ResolutionCode
from kb.models import AffectedCI, Article, Incident, KnownError, RecordKind
from search.retriever import Hit

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
    known_error: str | None = None
    """Of an incident the known error behind it."""
    duplicate_of: tuple[str, ...] = ()
    """Numbers that an incident closed as a duplicate names in its texts."""
    cis: dict[str, int | None] = field(default_factory=dict)
    hit: Hit | None = None
    """None where search did not find it itself."""

    @property
    def helps(self) -> bool:
        """Whether it says what to do."""
        return bool(self.workaround or self.fix or self.body)


@dataclass(frozen=True, slots=True)
class Pool:
    """All candidates of one question by number, and all incidents of each known error."""

    candidates: dict[str, Candidate]
    incidents: dict[str, list[str]]
    """By number of the known error, the newest first."""


def gather(session: Session, hits: Sequence[Hit]) -> Pool:
    """The records of `hits`, with the known errors and originals that stand behind them."""
    found = {kind: {hit.key: hit for hit in hits if hit.kind == kind} for kind in RecordKind}
    incidents = _incidents(session, found[RecordKind.INCIDENT])
    originals = {number for each in incidents for number in each.duplicate_of}
    incidents += _incidents(
        session, dict.fromkeys(originals.difference(each.number for each in incidents))
    )
    known_errors = _known_errors(session, incidents, found[RecordKind.KNOWN_ERROR])
    candidates = [*incidents, *known_errors, *_articles(session, found[RecordKind.ARTICLE])]
    _add_cis(session, candidates)
    return Pool(
        {candidate.number: candidate for candidate in candidates},
        _incidents_of(session, [each.number for each in known_errors]),
    )


def _incidents(session: Session, hits: Mapping[str, Hit | None]) -> list[Candidate]:
    if not hits:
        return []
    rows = session.execute(
        select(
            Incident.id,
            Incident.number,
            Incident.title,
            Incident.root_cause,
            Incident.workaround,
            Incident.resolution,
            Incident.resolution_code,
            Incident.known_error,
        ).where(Incident.number.in_(hits))
    )
    return [
        Candidate(
            RecordKind.INCIDENT,
            row.id,
            row.number,
            row.title,
            row.workaround.strip(),
            row.resolution.strip(),
            known_error=row.known_error,
            duplicate_of=_named(row.number, row.resolution, row.root_cause, row.workaround)
            if row.resolution_code == ResolutionCode.DUPLICATE
            else (),
            hit=hits[row.number],
        )
        for row in rows
    ]


def _known_errors(
    session: Session, incidents: Sequence[Candidate], hits: Mapping[str, Hit]
) -> list[Candidate]:
    behind = {each.known_error for each in incidents if each.known_error}
    rows = session.execute(
        select(
            KnownError.id,
            KnownError.number,
            KnownError.title,
            KnownError.workaround,
            KnownError.fix,
        ).where(KnownError.number.in_(behind.union(hits)))
    )
    return [
        Candidate(
            RecordKind.KNOWN_ERROR,
            row.id,
            row.number,
            row.title,
            row.workaround.strip(),
            row.fix.strip(),
            hit=hits.get(row.number),
        )
        for row in rows
    ]


def _articles(session: Session, hits: Mapping[str, Hit]) -> list[Candidate]:
    rows = session.execute(
        select(Article.id, Article.number, Article.title, Article.body).where(
            Article.number.in_(hits)
        )
    )
    return [
        Candidate(
            RecordKind.ARTICLE,
            row.id,
            row.number,
            row.title,
            body=row.body,
            hit=hits[row.number],
        )
        for row in rows
    ]


def _named(own: str, *texts: str) -> tuple[str, ...]:
    """What in `texts` looks like the number of another record."""
    numbers = dict.fromkeys(match[0] for text in texts for match in _NUMBER.finditer(text))
    return tuple(number for number in numbers if number != own)


def _add_cis(session: Session, candidates: Iterable[Candidate]) -> None:
    """Fill in the CIs of all of them."""
    by_id = {(each.kind.value, each.id): each for each in candidates}
    if by_id:
        rows = session.execute(
            select(AffectedCI.record_kind, AffectedCI.record_id, AffectedCI.name, AffectedCI.ci_id)
            .where(tuple_(AffectedCI.record_kind, AffectedCI.record_id).in_(list(by_id)))
            .order_by(AffectedCI.id)
        )
        for row in rows:
            by_id[row.record_kind, row.record_id].cis[row.name] = row.ci_id


def _incidents_of(session: Session, known_errors: Collection[str]) -> dict[str, list[str]]:
    incidents: dict[str, list[str]] = {number: [] for number in known_errors}
    if known_errors:
        rows = session.execute(
            select(Incident.known_error, Incident.number)
            .where(Incident.known_error.in_(known_errors))
            .order_by(Incident.opened_at.desc(), Incident.id.desc())
        )
        for known_error, number in rows:
            incidents[known_error or ""].append(number)
    return incidents
