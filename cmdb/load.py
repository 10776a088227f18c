"""Load inventory files: read them, compare with what is there, write the difference, report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from sqlalchemy.orm import Session

from cmdb.apply import apply
from cmdb.classes import class_vocabulary
from cmdb.current import read_current
from cmdb.formats import sort_files, source_of
from cmdb.identification import identification, inherited
from cmdb.importers.multiplied import not_multiplied
from cmdb.importers.protocol import ReadContext
from cmdb.importers.records import InputFile, Where
from cmdb.importers.registry import find_format, importers
from cmdb.importers.unpacking import unpack
from cmdb.incoming import NAME, Incoming, take_in
from cmdb.load_options import LoadLimits, LoadOptions, check_options
from cmdb.load_progress import Phase, Progress, counted, untold
from cmdb.models import ImportRun, ImportState, Source
from cmdb.names import nearest
from cmdb.plan import Current, Missing, Plan, Rules
from cmdb.plan_report import count_changes, fingerprint, planned_changes
from cmdb.plan_schemas import LoadPlan
from cmdb.plan_services import touched_services
from cmdb.precedence import class_parents, class_roots, read_precedence
from cmdb.problems import Problems, problem
from cmdb.reconcile import plan
from cmdb.references import near_names
from cmdb.relationship_types import type_vocabulary
from cmdb.schemas import ImportReport, Problem, Recognised, Severity
from cmdb.source_mappings import AdminMapping, is_native, mapping_of_source, mappings_of
from opsatlas import audit, revision
from opsatlas.actor import Actor
from opsatlas.clock import now
from opsatlas.collector import patient_collector
from opsatlas.db.transaction import moment
from opsatlas.errors import ConflictError, InvalidInputError

_NEAR_POOL = 20_000
"""Names of the input that are looked through for "did you mean"."""


class PlanChangedError(ConflictError):
    """A load would do something else than what was planned."""

    code = "plan_changed"


@dataclass(frozen=True, slots=True)
class ParsedInput:
    """Files that were read and checked as far as that goes without the database."""

    format: str
    incoming: Incoming
    problems: Problems
    seconds: float
    source: str
    """The one that the caller said, or else that of the format."""
    recognised: list[Recognised]
    mapping: str | None
    """The file of the admin's mapping."""


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


@patient_collector()
def parse(
    files: Sequence[InputFile],
    options: LoadOptions,
    limits: LoadLimits,
    progress: Progress = untold,
) -> ParsedInput:
    """Read and check the files; what is wrong in them is in `problems`, not raised.

    Raises InvalidInputError for options that cannot be, TooLargeError above the limit of records,
    and where a small input multiplies.
    """
    begun = perf_counter()
    check_options(options)
    identification(limits.identification_rules)  # what is wrong in it is told before the work
    if not files:
        raise InvalidInputError("there is no file to load")
    incoming, problems = Incoming(), Problems(limits.max_problems)
    unpacked = unpack(files, limits.unpacking)
    problems.extend(unpacked.problems)
    own = own_mapping(options, limits)
    said = options.format
    if own is not None and own.mapping.format and find_format(said) is None:
        said = own.mapping.format
    found = sort_files(unpacked.files, said)
    problems.extend(found.problems)
    source = options.source or source_of(found.by_format)
    if own is None and not options.source:
        own = mapping_of_source(limits.mapping_dir, source)
    mappings = mappings_of(found.by_format, own, options.choices)
    if own is not None and mappings and all(map(is_native, mappings)):
        problems.add(_not_used(own, ", ".join(mappings)))
        own = None
    for name, some in found.by_format.items():
        items = importers()[name].read(some, ReadContext(mappings[name], limits.max_depth))
        take_in(
            counted(not_multiplied(items, some), progress, Phase.READING),
            incoming,
            problems,
            max_records=limits.max_records,
            max_depth=limits.max_depth,
        )
    return ParsedInput(
        format=", ".join(found.by_format) or options.format,
        incoming=incoming,
        problems=problems,
        seconds=perf_counter() - begun,
        source=source,
        recognised=found.recognised,
        mapping=own.file if own else None,
    )


def own_mapping(options: LoadOptions, limits: LoadLimits) -> AdminMapping | None:
    """The admin's mapping for a load: the one that it names, or else that of its source.

    Raises InvalidMappingError.
    """
    return options.mapping or mapping_of_source(limits.mapping_dir, options.source)


def _not_used(own: AdminMapping, formats: str) -> Problem:
    return problem(
        "mapping_not_used",
        f"the mapping in {own.file} is not used: {formats} needs none",
        where=Where(own.file),
        severity=Severity.WARNING,
    )


@patient_collector()
def load_parsed(
    session: Session,
    parsed: ParsedInput,
    options: LoadOptions,
    actor: Actor,
    limits: LoadLimits,
    *,
    run_id: int | None = None,
    progress: Progress = untold,
) -> ImportReport:
    """Bring the database to what was parsed, all or nothing, or with `partial` the good rows.

    Waits for other writers first. Where problems forbid the load nothing is written but the import
    run, which is then `failed`; a dry run writes nothing at all. `run_id` is the import run of a
    load that was queued; without it one is made.
    """
    begun = perf_counter()
    options = replace(options, source=parsed.source)
    if not options.dry_run:
        revision.lock(session)
    rules = _rules(session, parsed, options, limits)
    rows = len(parsed.incoming.cis) + len(parsed.incoming.relationships)
    progress(Phase.COMPARING, 0, rows)
    retire = options.missing is Missing.RETIRE
    current = read_current(session, rules, parsed.incoming, all_of_source=retire)
    made = plan(current, parsed.incoming, rules, parsed.problems)
    progress(Phase.COMPARING, rows, rows)
    report = ImportReport(
        state=ImportState.FAILED if made.refused else ImportState.DONE,
        source=options.source,
        format=parsed.format,
        recognised=parsed.recognised,
        mapping=parsed.mapping,
        dry_run=options.dry_run,
        configuration_items=made.ci_counts,
        relationships=made.relationship_counts,
        problems=made.problems.listed(),
        problem_counts=dict(made.problems.counts),
        took_ms=0.0,
    )
    if options.dry_run:
        report.plan = _described(session, made, current, limits)
    elif options.expected_plan and fingerprint(made) != options.expected_plan:
        raise PlanChangedError(
            "the load would no longer do what was planned: something changed meanwhile",
            hint="make the plan anew, look at it, and apply that",
        )
    if not options.dry_run:
        run = _open_run(session, parsed, options, actor, run_id)
        report.id = run.id
        if not made.refused:
            _ensure_source(session, options.source)
            keep = limits.revision_keep
            apply(session, made, rules, actor, run.id, revision_keep=keep, progress=progress)
    report.took_ms = round((parsed.seconds + perf_counter() - begun) * 1000, 1)
    if not options.dry_run:
        _close_run(session, run, report, actor)
    return report


def _described(session: Session, made: Plan, current: Current, limits: LoadLimits) -> LoadPlan:
    return LoadPlan(
        fingerprint=fingerprint(made),
        changes=planned_changes(made, current, limits.max_changes),
        changes_count=count_changes(made),
        services=touched_services(session, made, current, limits.max_changes),
    )


def _rules(
    session: Session, parsed: ParsedInput, options: LoadOptions, limits: LoadLimits
) -> Rules:
    pool = [str(ci.values[NAME]) for ci in parsed.incoming.cis[:_NEAR_POOL]]

    def near(said: str) -> list[str]:
        stored = [row.name for row in near_names(session, said)]
        return nearest(said, dict.fromkeys([*nearest(said, pool), *stored]))

    return Rules(
        source=options.source,
        classes=class_vocabulary(session),
        types=type_vocabulary(session),
        near_names=near,
        moment=moment(session),
        precedence=read_precedence(session),
        class_roots=class_roots(session),
        identification=inherited(
            identification(limits.identification_rules), class_parents(session)
        ),
        missing=options.missing,
        partial=options.partial,
        max_retired_share=limits.max_retired_share,
        max_problems=limits.max_problems,
    )


def _ensure_source(session: Session, name: str) -> None:
    if session.get(Source, name) is None:
        session.add(Source(name=name, description="", stale_after_days=None, created_at=now()))
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
        options=options.kept(),
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
    summary = report.model_dump(mode="json", exclude={"id", "problems", "progress", "took_ms"})
    audit.record(session, actor, [audit.Write("load", "import_run", run.id, None, summary)])
