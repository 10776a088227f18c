"""Loading records from files: read, compare with what is there, write; again and again the same.

A record that is there already is changed only in the fields that the file sets, so a file with
few columns takes nothing away. Without a number, the record with the same title and texts is meant.
"""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from cmdb.importers.records import InputFile, Where
from cmdb.problems import Problems, problem
from cmdb.schemas import Problem, Severity
from kb import load_plan
from kb.feedback import plan_feedback, store_feedback
from kb.load_plan import Plan
from kb.models import RecordKind
from kb.nouns import ARTICLES, CHANGES, INCIDENTS, KNOWN_ERRORS, Noun
from kb.readers.files import ReadRecord, read
from kb.readers.raw import Section
from kb.schemas import IncidentIn
from kb.stored import kinds_of
from kb.writing import DEFAULT_POLICY, WritePolicy, write
from opsatlas import revision
from opsatlas.actor import Actor
from opsatlas.field_docs import field_docs

MAX_PROBLEMS = 500

_NOUNS: dict[Section, Noun[Any, Any, Any]] = {
    Section.KNOWN_ERRORS: KNOWN_ERRORS,
    Section.ARTICLES: ARTICLES,
    Section.CHANGES: CHANGES,
    Section.INCIDENTS: INCIDENTS,
}


class LoadCounts(BaseModel):
    """What became of the records of one kind."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0


class LoadReport(BaseModel):
    """The outcome of a load, or of its dry run."""

    model_config = ConfigDict(json_schema_extra=field_docs)

    state: str
    """`done`, or `failed` where problems kept everything from being written."""
    dry_run: bool
    incidents: LoadCounts = Field(default_factory=LoadCounts)
    known_errors: LoadCounts = Field(default_factory=LoadCounts)
    articles: LoadCounts = Field(default_factory=LoadCounts)
    changes: LoadCounts = Field(default_factory=LoadCounts)
    feedback: LoadCounts = Field(default_factory=LoadCounts)
    problems: list[Problem]
    """Errors first; at most as many as the setting `import_max_problems` says."""
    problem_counts: dict[Severity, int]
    """All problems, those that are not listed too."""
    took_ms: float

    def counts(self, section: Section) -> LoadCounts:
        """The counts of one kind."""
        found = getattr(self, section.value)
        assert isinstance(found, LoadCounts)  # noqa: S101 - each section has its field
        return found


@dataclass(slots=True)
class _Read:
    """What the files hold, sorted by kind."""

    records: dict[Section, list[ReadRecord]] = field(default_factory=lambda: defaultdict(list))
    rejected: dict[Section, int] = field(default_factory=lambda: defaultdict(int))


def load(
    session: Session,
    actor: Actor,
    files: Iterable[InputFile],
    *,
    section: Section | None = None,
    dry_run: bool = False,
    partial: bool = False,
    policy: WritePolicy = DEFAULT_POLICY,
    max_problems: int = MAX_PROBLEMS,
) -> LoadReport:
    """Load files of incidents, known errors, articles, changes and feedback, in any order.

    `section` says what the files hold where they do not say it themselves. A record that is wrong
    keeps everything from being written, unless `partial`: then all others are. With `dry_run`
    nothing is written and the report says what would have been.
    """
    started = time.perf_counter()
    problems = Problems(max_problems)
    found = _read(files, section, problems)
    revision.lock(session)
    plans: dict[Section, Plan] = {}
    seen: dict[str, ReadRecord] = {}
    for kind, noun in _NOUNS.items():
        plans[kind] = load_plan.plan(session, actor, noun, found.records[kind], seen, problems)
    _warn_of_unknown_known_errors(session, actor, found, seen, problems)
    voices = plan_feedback(session, actor, found.records[Section.FEEDBACK], set(seen), problems)
    written = not dry_run and (partial or not problems.errors)
    if written:
        for kind, noun in _NOUNS.items():
            write(session, actor, noun, plans[kind].drafts, policy)
        store_feedback(session, actor, voices.drafts)
    report = LoadReport(
        state="done" if partial or not problems.errors else "failed",
        dry_run=dry_run,
        problems=problems.listed(),
        problem_counts=dict(problems.counts),
        took_ms=0,
    )
    for kind, planned in {**plans, Section.FEEDBACK: voices}.items():
        counts = report.counts(kind)
        counts.rejected = planned.rejected + found.rejected[kind]
        counts.unchanged = planned.unchanged
        if written or dry_run:
            counts.created, counts.updated = planned.created, planned.updated
    report.took_ms = round((time.perf_counter() - started) * 1000, 1)
    return report


def _read(files: Iterable[InputFile], section: Section | None, problems: Problems) -> _Read:
    found = _Read()
    for file in files:
        for record in read(file, section):
            if isinstance(record, ReadRecord):
                found.records[record.section].append(record)
                continue
            problems.add(record.problem)
            if record.first and record.problem.severity is Severity.ERROR:
                found.rejected[record.section or Section.INCIDENTS] += 1
    return found


def _warn_of_unknown_known_errors(
    session: Session,
    actor: Actor,
    found: _Read,
    seen: dict[str, ReadRecord],
    problems: Problems,
) -> None:
    """A known error may be recorded later than its incidents, or its number may be a slip."""
    named: dict[str, Where] = {}
    for record in found.records[Section.INCIDENTS]:
        assert isinstance(record.item, IncidentIn)  # noqa: S101 - sections are told apart
        if record.item.known_error is not None:
            named.setdefault(record.item.known_error, record.where)
    coming = {number for number, each in seen.items() if each.section is Section.KNOWN_ERRORS}
    kinds = kinds_of(session, named.keys() - coming, actor.groups)
    for number in named.keys() - coming:
        if kinds.get(number) is not RecordKind.KNOWN_ERROR:
            problems.add(
                problem(
                    "unknown_known_error",
                    f"there is no known error {number} yet",
                    where=named[number],
                    severity=Severity.WARNING,
                    column="known_error",
                    value=number,
                    hint="load it too; the incident is kept and linked once it is there",
                )
            )
