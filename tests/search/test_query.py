"""A text taken apart: what people and machines paste in the middle of an incident."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.query import MAX_KEYS, MAX_NAMES, IncidentText, Part, understand

JOURNAL = """\
Nov 24 23:40:06 db-orders-01 postgres[4711]: FATAL:  sorry, too many clients already
Nov 24 23:40:07 db-orders-01 postgres[4712]: FATAL:  sorry, too many clients already"""

EVENTS = """\
2m14s   Warning   FailedScheduling   pod/orders-api-7d9f8b6c5-x2x4z   0/6 nodes are available
90s     Warning   BackOff            pod/orders-api-7d9f8b6c5-x2x4z   Back-off restarting"""

JAVA = """\
checkout is down since ten
2026-11-12T06:02:44.771Z ERROR [http-nio-8080-exec-3] c.f.orders.OrderController - request failed
org.springframework.dao.DataAccessResourceFailureException: Unable to acquire JDBC Connection
\tat com.fjellvik.orders.OrderService.place(OrderService.java:118)
\tat java.base/java.lang.Thread.run(Thread.java:1583)
Caused by: java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available
\t... 42 more"""

PYTHON = """\
Traceback (most recent call last):
  File "/srv/returns/app.py", line 88, in list_returns
    rows = db.fetch(q)
psycopg_pool.PoolTimeout: couldn't get a connection after 5.00 sec"""

ALERT = (
    '[FIRING:1] PgVolumeFillingUp{instance="db-stock-01:9187",job="postgres",severity="critical"}\n'
    "tables have not grown at all"
)


def lines_of(found: IncidentText, part: Part) -> tuple[str, ...]:
    """The lines of one kind."""
    return tuple(line for kind, line in found.lines if kind is part)


def text_of(found: IncidentText) -> str:
    """All of it without the noise."""
    return "\n".join(line for _, line in found.lines)


def kinds(text: str) -> list[Part]:
    return [part for part, _ in understand(text).lines]


def test_journal_lines_are_logs_that_name_their_machine_and_program() -> None:
    found = understand(JOURNAL)
    assert kinds(JOURNAL) == [Part.LOG, Part.LOG]
    assert found.names == ("db-orders-01", "postgres")
    assert found.title == "sorry, too many clients already"


def test_kubernetes_events_give_their_reason_and_lose_the_hashes_of_pods() -> None:
    found = understand(EVENTS)
    assert kinds(EVENTS) == [Part.LOG, Part.LOG]
    assert found.keys == ("FailedScheduling", "BackOff")
    assert "pod/orders-api 0/6 nodes are available" in text_of(found)


def test_a_java_trace_gives_its_exceptions_and_the_sentence_above_it_is_the_title() -> None:
    found = understand(JAVA)
    assert kinds(JAVA) == [Part.SENTENCE, Part.LOG, *[Part.TRACE] * 5]
    assert found.title == "checkout is down since ten"
    assert found.keys == (
        "org.springframework.dao.DataAccessResourceFailureException",
        "java.sql.SQLTransientConnectionException",
    )


def test_a_python_trace_is_titled_by_what_was_raised() -> None:
    found = understand(PYTHON)
    assert kinds(PYTHON) == [Part.TRACE] * 4
    assert found.keys == ("psycopg_pool.PoolTimeout",)
    assert "couldn't get a connection" in found.title


def test_the_labels_of_an_alert_name_its_machine_and_its_name_is_split_for_the_title() -> None:
    found = understand(ALERT)
    assert kinds(ALERT) == [Part.LABELS, Part.SENTENCE]
    assert found.title.startswith("Pg Volume Filling Up")
    assert ("severity", "critical") in found.labels
    assert "db-stock-01" in found.names
    assert lines_of(found, Part.SENTENCE) == ("tables have not grown at all",)


def test_an_alert_with_a_summary_is_titled_by_name_and_summary() -> None:
    text = '{alertname="KubePodCrashLooping",namespace="shop",summary="Pod is crash looping."}'
    assert understand(text).title == "Kube Pod Crash Looping. Pod is crash looping."


def test_a_line_of_logfmt_is_titled_by_its_message() -> None:
    text = 'ts=2026-11-24T10:00:00Z level=info component=tsdb msg="WAL segment loaded" segment=611'
    assert understand(text).title == "WAL segment loaded"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("SQL> connect\nORA-00257: Archiver error", "ORA-00257"),
        ("write failed, errno=ENOSPC", "ENOSPC"),
        ('err="Error 1062 (23000): Duplicate entry"', "1062"),
        ("upstream answers HTTP 502", "502"),
        ("container exit code 137", "137"),
        ("SQLSTATE[HY000]: x, sqlstate: 53300", "53300"),
        ("Windows says 0x80070005", "0x80070005"),
        ("mount: NT_STATUS_ACCESS_DENIED", "NT_STATUS_ACCESS_DENIED"),
        ("circuit_breaking_exception bytes_limit=1", "circuit_breaking_exception"),
        ("pod is in CrashLoopBackOff", "CrashLoopBackOff"),
        ("state OOMKilled", "OOMKilled"),
        ("org.postgresql.util.PSQLException: ERROR", "org.postgresql.util.PSQLException"),
        ("killed by SIGSEGV", "SIGSEGV"),
    ],
)
def test_an_error_code_is_a_key(text: str, key: str) -> None:
    assert key in understand(text).keys


@pytest.mark.parametrize("word", ["ERP", "EUROPE", "Errors", "error", "the timeout", "EDI"])
def test_words_that_look_a_little_like_codes_are_none(word: str) -> None:
    assert understand(f"we see {word} again").keys == ()


@pytest.mark.parametrize(
    "noise",
    [
        "2026-11-24T23:40:06.123Z",
        "Nov 24 23:40:06",
        "10.20.30.40:5432",
        "fe80:0:0:0:1:2:3:4",
        "3f2b8c1e-9d4a-4b6f-8e2d-1a2b3c4d5e6f",
        "sha256:9f86d081884c7d659a2feaa0c55ad015",
        "9f86d081884c7d659a2feaa0",
        "00:1b:44:11:3a:b7",
        "1794380418000",
    ],
)
def test_times_addresses_ids_and_hashes_are_noise(noise: str) -> None:
    assert text_of(understand(f"payment {noise} failed")) == "payment failed"


@pytest.mark.parametrize("word", ["db-orders-01", "8.0.36", "HTTP/2", "defaced", "1062", "0x8007"])
def test_names_versions_and_codes_are_not_noise(word: str) -> None:
    assert text_of(understand(f"payment {word} failed")) == f"payment {word} failed"


def test_a_text_of_nothing_but_noise_keeps_a_title() -> None:
    assert understand("2026-11-24T23:40:06Z").title == "2026-11-24T23:40:06Z"
    assert understand(" \n\t ").title == ""


signs = st.text() | st.text(alphabet="aA1 .:-_=\"'{}[]()\\\n\t/$#@,0xEfF", max_size=300)


@given(signs)
def test_any_text_is_understood(text: str) -> None:
    found = understand(text)
    assert len(found.keys) <= MAX_KEYS
    assert len(found.names) <= MAX_NAMES
    assert bool(found.title) == bool(text.strip() and text.splitlines())
    assert not any("\n" in line for _, line in found.lines)


@given(st.text(alphabet="aA1 .:-_=\"'{}[]()\\\n\t/$#@,0xEfF", min_size=1, max_size=12))
def test_a_megabyte_of_anything_takes_less_than_a_second(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    understand(text)
    assert time.process_time() - started < 1
