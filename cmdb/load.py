"""Load inventory files: read them, compare with what is there, write the difference, report."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from sqlalchemy.orm import Session

from cmdb.apply import apply
from cmdb.classes import class_vocabulary, type_vocabulary
from cmdb.current import read_current
from cmdb.importers.opened import OpenedFile
from cmdb.importers.protocol import ReadContext
from cmdb.importers.records import InputFile
from cmdb.importers.registry import AUTO, choose, default_mapping, find_format, importers
from cmdb.incoming import NAME, Incoming, take_in
from cmdb.models import ImportRun, ImportState, Source
from cmdb.names import nearest
from cmdb.plain_text import RefusedValueError, text
from cmdb.plan import Missing, Plan, Rules
from cmdb.problems import Problems
from cmdb.reconcile import plan
from cmdb.references import near_names
from cmdb.schemas import ImportReport, Problem
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.clock import now
from opsatlas.errors import InvalidInputError
from opsatlas.settings import Settings

DEFAULT_SOURCE = "native"
MANUAL = "manual"
_MAX_SOURCE = 64
_NEAR_POOL = 20_000
"""Names of the input that are looked through for "did you mean"."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What the caller of a load decides."""

    source: str = DEFAULT_SOURCE
    format: str = AUTO
    dry_run: bool = False
    missing: Missing = Missing.KEEP
    partial: bool = False
    """Load the good rows and leave the bad ones, instead of all or nothing."""


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """The settings that a load keeps to."""

    max_problems: int = 500
    max_records: int = 10_000_000
    max_depth: int = 50
    max_retired_share: float = 0.2
    revision_keep: int = 100_000

    @classmethod
    def of(cls, settings: Settings) -> "LoadLimits":
        """The limits that the settings say."""
        return cls(
            settings.import_max_problems,
            settings.import_max_records,
            settings.max_json_depth,
            settings.import_max_retired_share,
            settings.revision_keep,
        )


@dataclass(frozen=True, slots=True)
class ParsedInput:
    """Files that were read and checked as far as that goes without the database."""

    format: str
    incoming: Incoming
    problems: Problems
    seconds: float


def load(
    session: Session,
    files: Sequence[InputFile],
    options: LoadOptions,
    actor: Actor,
    limits: LoadLimits,
) -> ImportReport:
    """Load `files` in the caller's unit of work. See `parse` and `load_parsed`, which it joins.

    Where the files are large, call the two yourself and open the unit of work between them: other
    writers then do not wait while the files are read.
    """
    return load_parsed(session, parse(files, options, limits), options, actor, limits)


def parse(files: Sequence[InputFile], options: LoadOptions, limits: LoadLimits) -> ParsedInput:
    """Read and check the files; what is wrong in them is in `problems`, not raised.

    Raises InvalidInputError for options that cannot be and TooLargeError above the limit of
    records.
    """
    begun = perf_counter()
    check_options(options)
    if not files:
        raise InvalidInputError("there is no file to load")
    incoming, problems = Incoming(), Problems(limits.max_problems)
    by_format: dict[str, list[OpenedFile]] = {}
    for file in map(OpenedFile.of, files):
        importer = choose(file, options.format)
        if isinstance(importer, Problem):
            problems.add(importer)
        else:
            by_format.setdefault(importer.NAME, []).append(file)
    for name, some in by_format.items():
        context = ReadContext(default_mapping(name), limits.max_depth)
        take_in(
            importers()[name].read(some, context),
            incoming,
            problems,
            max_records=limits.max_records,
            max_depth=limits.max_depth,
        )
    formats = ", ".join(by_format) or options.format
    return ParsedInput(formats, incoming, problems, perf_counter() - begun)


def load_parsed(
    session: Session,
    parsed: ParsedInput,
    options: LoadOptions,
    actor: Actor,
    limits: LoadLimits,
    *,
    run_id: int | None = None,
) -> ImportReport:
    """Bring the database to what was parsed, all or nothing, or with `partial` the good rows.

    Waits for other writers first. Where problems forbid the load nothing is written but the import
    run, which is then `failed`; a dry run writes nothing at all. `run_id` is the import run of a
    load that was queued; without it one is made.
    """
    begun = perf_counter()
    if not options.dry_run:
        revision.lock(session)
    made = _plan(session, parsed, options, limits)
    report = ImportReport(
        state=ImportState.FAILED if made.refused else ImportState.DONE,
        source=options.source,
        format=parsed.format,
        dry_run=options.dry_run,
        configuration_items=made.ci_counts,
        relationships=made.relationship_counts,
        problems=made.problems.listed(),
        problem_counts=dict(made.problems.counts),
        took_ms=0.0,
    )
    if not options.dry_run:
        run = _open_run(session, parsed, options, actor, run_id)
        report.id = run.id
        if not made.refused:
            _ensure_source(session, options.source)
            apply(session, made, options.source, actor, run.id, revision_keep=limits.revision_keep)
    report.took_ms = round((parsed.seconds + perf_counter() - begun) * 1000, 1)
    if not options.dry_run:
        _close_run(session, run, report, actor)
    return report


def _plan(session: Session, parsed: ParsedInput, options: LoadOptions, limits: LoadLimits) -> Plan:
    retire = options.missing is Missing.RETIRE
    current = read_current(session, options.source, parsed.incoming, all_of_source=retire)
    pool = [str(ci.values[NAME]) for ci in parsed.incoming.cis[:_NEAR_POOL]]

    def near(said: str) -> list[str]:
        stored = [row.name for row in near_names(session, said)]
        return nearest(said, dict.fromkeys([*nearest(said, pool), *stored]))

    rules = Rules(
        source=options.source,
        classes=class_vocabulary(session),
        types=type_vocabulary(session),
        near_names=near,
        missing=options.missing,
        partial=options.partial,
        max_retired_share=limits.max_retired_share,
        max_problems=limits.max_problems,
    )
    return plan(current, parsed.incoming, rules, parsed.problems)


def check_options(options: LoadOptions) -> None:
    """Raise InvalidInputError for options that no load can have."""
    find_format(options.format)
    check_source(options.source)
    if options.source == MANUAL and options.missing is Missing.RETIRE:
        raise InvalidInputError(
            f"the source {MANUAL!r} is what people write; a file is never all of it",
            hint="load under another source, or without missing=retire",
        )


def check_source(name: str) -> None:
    """Raise InvalidInputError for what cannot be the name of a source."""
    try:
        read = text(name, limit=_MAX_SOURCE)
    except RefusedValueError as error:
        raise InvalidInputError(f"the source: {error.message}", hint=error.hint) from None
    if read != name:
        raise InvalidInputError(f"{name!r} is no name for a source", hint="for example `netbox`")


def _ensure_source(session: Session, name: str) -> None:
    if session.get(Source, name) is None:
        session.add(Source(name=name, description="", created_at=now()))
        session.flush()


def _open_run(
    session: Session,
    parsed: ParsedInput,
    options: LoadOptions,
    actor: Actor,
    run_id: int | None,
) -> ImportRun:
    found = None if run_id is None else session.get(ImportRun, run_id)
    if found is not None:
        return found
    run = ImportRun(
        state=ImportState.RUNNING,
        source=options.source,
        format=parsed.format,
        dry_run=False,
        options={"missing": options.missing.value, "partial": options.partial},
        report=None,
        actor=actor.name,
        created_at=now(),
        finished_at=None,
    )
    session.add(run)
    session.flush()
    return run


def _close_run(session: Session, run: ImportRun, report: ImportReport, actor: Actor) -> None:
    run.state = report.state
    run.format = report.format
    run.report = report.model_dump(mode="json")
    run.finished_at = now()
    session.flush()
    summary = report.model_dump(mode="json", exclude={"id", "problems", "took_ms"})
    audit.record(session, actor, [audit.Write("load", "import_run", run.id, None, summary)])
