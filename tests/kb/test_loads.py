"""Loads can be repeated, tell what they did, and leave nothing half-written."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from cmdb.importers.records import InputFile
from kb import records, stored
from kb.models import AffectedCI, Feedback, Incident, KnownError, RecordLink
from kb.nouns import CHANGES, INCIDENTS
from kb.readers.raw import Section
from kb.schemas import IncidentPatch
from opsatlas.audit import AuditEntry
from opsatlas.db.transaction import transaction
from search.models import SearchDocument, SearchPassage
from tests.kb.builders import ALICE, add_cis, codes, count, json_lines, load_files

INCIDENT = {
    "number": "INC-0001",
    "title": "Till offline",
    "description": "three tills",
    "opened_at": "2026-03-04T10:00:00Z",
    "status": "closed",
    "resolution_code": "",
    "cis": ["till-01"],
    "known_error": "KE-0001",
}
KNOWN_ERROR = {"id": "KE-0001", "title": "Router forgets the time", "workaround": "set the clock"}
ARTICLE = b"---\nid: KB-0001\ntitle: Clock\ncis: [till-01]\nknown_errors: [KE-0001]\n---\nDo it."
CHANGE = {"id": "CHG-0001", "title": "New clock", "incidents": ["INC-0001"], "type": "standard"}
FEEDBACK = {
    "suggestion": "KE-0001",
    "incident": "INC-0001",
    "outcome": "helped",
    "at": "2026-03-05T10:00:00Z",
}
HISTORY = (
    json_lines("feedback.jsonl", FEEDBACK),
    json_lines("incidents.jsonl", INCIDENT),
    json_lines("known_errors.jsonl", KNOWN_ERROR),
    InputFile("clock.md", ARTICLE),
    json_lines("changes.jsonl", CHANGE),
)
TABLES = (Incident, KnownError, Feedback, AffectedCI, RecordLink, AuditEntry, SearchDocument)


def test_a_history_is_loaded_in_any_order_and_a_second_load_changes_nothing(
    engine: Engine,
) -> None:
    first = load_files(engine, *HISTORY)
    with transaction(engine) as session:
        before = {table: count(session, table) for table in TABLES}
    second = load_files(engine, *HISTORY)
    for section in Section:
        assert first.counts(section).created == 1, section
        assert second.counts(section).model_dump() == {
            "created": 0,
            "updated": 0,
            "unchanged": 1,
            "rejected": 0,
        }, section
    with transaction(engine) as session:
        assert {table: count(session, table) for table in TABLES} == before
        assert stored.get(session, CHANGES, "CHG-0001").incidents == ["INC-0001"]


def test_a_file_changes_only_the_fields_that_it_sets(engine: Engine) -> None:
    load_files(engine, *HISTORY)
    csv = InputFile("incidents.csv", b"number,title,workaround\nINC-0001,Till offline,reboot\n")
    assert load_files(engine, csv).incidents.updated == 1
    with transaction(engine) as session:
        incident = stored.get(session, INCIDENTS, "INC-0001")
    assert (incident.workaround, incident.description) == ("reboot", "three tills")
    assert (incident.status, incident.cis, incident.version) == ("closed", ["till-01"], 2)


def test_what_people_edited_is_seen_as_a_difference(engine: Engine) -> None:
    load_files(engine, *HISTORY)
    with transaction(engine) as session:
        records.change(session, ALICE, INCIDENTS, "INC-0001", IncidentPatch(title="mine"))
    assert load_files(engine, *HISTORY).incidents.updated == 1


def test_records_without_numbers_are_recognised_by_their_texts(engine: Engine) -> None:
    rows = json_lines("incidents.jsonl", {"title": "a"}, {"title": "a"}, {"title": "b"})
    assert load_files(engine, rows).incidents.created == 3
    assert load_files(engine, rows).incidents.unchanged == 3


def test_one_bad_record_keeps_everything_from_being_written(engine: Engine) -> None:
    bad = json_lines("incidents.jsonl", INCIDENT, {"title": "x", "status": "clsed"})
    report = load_files(engine, bad)
    assert (report.state, report.incidents.rejected, report.incidents.created) == ("failed", 1, 0)
    with transaction(engine) as session:
        assert count(session, Incident) == count(session, AuditEntry) == 0


def test_a_partial_load_writes_the_good_records(engine: Engine) -> None:
    bad = json_lines("incidents.jsonl", INCIDENT, {"title": "x", "status": "clsed"})
    report = load_files(engine, bad, partial=True)
    assert (report.state, report.incidents.rejected, report.incidents.created) == ("done", 1, 1)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(engine: Engine) -> None:
    report = load_files(engine, *HISTORY, dry_run=True)
    assert (report.dry_run, report.incidents.created, report.feedback.created) == (True, 1, 1)
    with transaction(engine) as session:
        assert {count(session, table) for table in TABLES} == {0}


def test_unknown_cis_are_kept_and_warned_of_once_a_name(engine: Engine) -> None:
    with transaction(engine) as session:
        add_cis(session, "till-1")
    second = INCIDENT | {"number": "INC-0002"}
    report = load_files(engine, json_lines("incidents.jsonl", INCIDENT, second))
    assert sorted(codes(report)) == ["unknown_known_error", "unresolved_ci"]
    warning = next(each for each in report.problems if each.code == "unresolved_ci")
    assert (warning.row, warning.column, warning.value) == (1, "cis", "till-01")
    assert warning.hint == "did you mean 'till-1'?"


def test_an_unknown_id_of_a_ci_rejects_its_record_alone(engine: Engine) -> None:
    wrong = {"number": "INC-0009", "title": "x", "cis": [{"id": 99}]}
    report = load_files(engine, json_lines("incidents.jsonl", wrong, INCIDENT), partial=True)
    assert (report.incidents.rejected, report.incidents.created) == (1, 1)
    assert "unresolved_ci" in codes(report)


def test_a_number_that_comes_twice_is_named_with_both_places(engine: Engine) -> None:
    report = load_files(engine, json_lines("incidents.jsonl", INCIDENT, INCIDENT))
    assert codes(report)[0] == "duplicate_number"
    assert "incidents.jsonl line 1" in report.problems[0].message


def test_a_number_of_another_kind_of_record_is_refused(engine: Engine) -> None:
    load_files(engine, *HISTORY)
    report = load_files(engine, json_lines("incidents.jsonl", INCIDENT | {"number": "KE-0001"}))
    assert codes(report)[0] == "number_taken"


def test_feedback_on_nothing_known_is_refused(engine: Engine) -> None:
    report = load_files(engine, json_lines("feedback.jsonl", FEEDBACK))
    assert (codes(report), report.feedback.rejected) == (["no_such_suggestion"], 1)


def test_of_two_words_on_one_incident_the_later_one_counts(engine: Engine) -> None:
    later = FEEDBACK | {"outcome": "resolved", "at": "2026-03-06T10:00:00Z"}
    load_files(engine, *HISTORY[1:], json_lines("feedback.jsonl", later, FEEDBACK))
    with transaction(engine) as session:
        assert session.scalars(select(Feedback.outcome)).all() == ["resolved"]


def test_a_load_that_is_killed_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    names = []
    for file in HISTORY:
        (tmp_path / file.name).write_bytes(file.content)
        names.append(str(tmp_path / file.name))
    url = engine.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.kb.loading_process", url, *names],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with transaction(engine) as session:
        assert {count(session, table) for table in (*TABLES, SearchPassage)} == {0}
    assert load_files(engine, *HISTORY).state == "done"


@pytest.mark.slow
def test_the_seed_history_loads_without_an_error(sqlite_engine: Engine) -> None:
    from bench.seeded import load_seed

    with transaction(sqlite_engine) as session:
        load_seed(session)
        assert count(session, Incident) >= 160
        assert count(session, KnownError) >= 30
        unlinked = session.scalars(select(AffectedCI.name).where(AffectedCI.ci_id.is_(None)))
        assert unlinked.all() == []
