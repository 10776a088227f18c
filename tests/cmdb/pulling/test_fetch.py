"""The HTTP client bears with what passes, gives up on the rest, and keeps the token to itself."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest

from cmdb.pulling import netbox
from cmdb.pulling.fetch import Fetched, Fetcher, Patience, retry_after
from cmdb.pulling.protocol import SourceRefusedError, SourceUnavailableError
from tests.cmdb.pulling.systems import QUICK, TOKEN, Fault, System, serving

PATH = "/api/dcim/sites/"


@pytest.fixture
def system() -> Iterator[System]:
    """A NetBox with one site."""
    made = System()
    made.lists["dcim/sites"] = [{"id": 1, "name": "ham1", "last_updated": "2026-01-01T00:00:00Z"}]
    with serving(made):
        yield made


def fetch(system: System, patience: Patience = QUICK, token: str = TOKEN) -> Fetched:
    with Fetcher(system.url, netbox.headers("", token), patience) as fetcher:
        return fetcher.get(PATH, {"limit": "10"}, netbox.records)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=503),
        Fault(status=429, headers={"Retry-After": "0"}),
        Fault(cut="connection"),
        Fault(cut="json"),
        Fault(body=b"<html>The instance is waking up</html>"),
        Fault(body=b'{"count": 0}'),
        Fault(headers={"Content-Encoding": "gzip"}),
        Fault(body=b"[" * 100_000),
    ],
    ids=["500", "503", "429", "cut off", "cut JSON", "HTML", "no list", "no gzip", "deep"],
)
def test_what_passes_is_tried_again(system: System, fault: Fault) -> None:
    system.faults.extend([fault, fault])
    assert [each["id"] for each in fetch(system).records] == [1]
    assert len(system.asked) == 3


def test_what_does_not_pass_ends_after_the_last_try(system: System) -> None:
    system.faults.extend([Fault(status=502)] * 10)
    with pytest.raises(SourceUnavailableError, match=r"it answered 502 \(tried 4 times\)"):
        fetch(system)
    assert len(system.asked) == 4


def test_retry_after_is_kept_to(system: System) -> None:
    system.faults.append(Fault(status=429, headers={"Retry-After": "1"}))
    begun = time.monotonic()
    fetch(system)
    assert 1.0 <= time.monotonic() - begun < 3.0


def test_a_system_that_asks_for_more_than_we_bear_ends_the_run_at_once(system: System) -> None:
    system.faults.append(Fault(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(SourceUnavailableError, match="it asks to wait 3600 s"):
        fetch(system)
    assert len(system.asked) == 1


def test_retry_after_may_be_a_time() -> None:
    moment = datetime(2026, 3, 4, 10, tzinfo=UTC)
    later = format_datetime(moment + timedelta(seconds=90), usegmt=True)
    past = format_datetime(moment - timedelta(seconds=90), usegmt=True)
    said = {"120": 120.0, later: 90.0, past: 0.0, "soon": None, "-1": None, "": None}
    found = {each: retry_after(httpx.Headers({"Retry-After": each}), moment) for each in said}
    assert found == said


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_will_not_change_is_not_tried_again(system: System, status: int) -> None:
    system.faults.append(Fault(status=status))
    with pytest.raises(SourceRefusedError, match=f"it answered {status}") as raised:
        fetch(system)
    assert len(system.asked) == 1
    assert raised.value.hint


def test_no_error_holds_the_token(system: System) -> None:
    for fault in (Fault(status=403, body=TOKEN.encode()), Fault(body=TOKEN.encode())):
        system.faults.extend([fault] * 4)
        with pytest.raises((SourceRefusedError, SourceUnavailableError)) as raised:
            fetch(system)
        assert TOKEN not in str(raised.value)
        system.faults.clear()


def test_a_redirect_to_another_host_is_refused_and_gets_no_token(system: System) -> None:
    elsewhere = System()
    with serving(elsewhere) as other:
        for place in (f"{other}{PATH}", f"//{other.partition('//')[2]}/x", "http://[bad/"):
            system.faults.append(Fault(status=302, headers={"Location": place}))
            with pytest.raises(SourceRefusedError, match="sends us on"):
                fetch(system)
        assert elsewhere.asked == []
    assert len(system.asked) == 3


def test_a_redirect_on_the_same_host_is_followed(system: System) -> None:
    system.faults.append(Fault(status=301, headers={"Location": f"{system.url}{PATH}?limit=5"}))
    assert [each["id"] for each in fetch(system).records] == [1]
    assert system.asked[-1].parameters == {"limit": "5"}


def test_redirects_without_end_are_given_up(system: System) -> None:
    system.faults.extend([Fault(status=302, headers={"Location": PATH})] * 20)
    with pytest.raises(SourceRefusedError, match="again and again"):
        fetch(system)


def test_an_answer_that_is_too_large_is_not_read(system: System) -> None:
    system.faults.append(Fault(body=b"[" + b" " * 100_000 + b"]"))
    with pytest.raises(SourceRefusedError, match="above 50,000 bytes"):
        fetch(system, replace(QUICK, max_bytes=50_000))


def test_a_system_that_does_not_answer_in_time_is_given_up(system: System) -> None:
    system.before[1] = lambda: time.sleep(0.5)
    with pytest.raises(SourceUnavailableError, match="timed out"):
        fetch(system, replace(QUICK, tries=1, timeout=0.1))


def test_a_system_that_is_not_there_is_told(system: System) -> None:
    with serving(System()) as gone:
        pass
    with (
        Fetcher(gone, {}, QUICK) as fetcher,
        pytest.raises(SourceUnavailableError, match="tried 4 times"),
    ):
        fetcher.get(PATH, {}, netbox.records)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_a_certificate_that_nobody_vouches_for_is_refused_unless_it_is_named(
    tmp_path: Path,
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    system = System()
    system.lists["dcim/sites"] = [{"id": 1}]
    with serving(system, context) as url:
        with Fetcher(url, netbox.headers("", TOKEN), QUICK) as fetcher:
            with pytest.raises(SourceRefusedError, match="certificate is not to be trusted"):
                fetcher.get(PATH, {}, netbox.records)
        assert system.asked == []
        with Fetcher(url, netbox.headers("", TOKEN), QUICK, ca_file=str(certificate)) as fetcher:
            assert len(fetcher.get(PATH, {}, netbox.records).records) == 1


def test_a_ca_file_that_is_none_is_told(tmp_path: Path) -> None:
    for content in (None, "no certificate"):
        file = tmp_path / "ca.pem"
        if content:
            file.write_text(content)
        with pytest.raises(SourceRefusedError, match="cannot be used"):
            Fetcher("https://x.example", {}, QUICK, ca_file=str(file))
