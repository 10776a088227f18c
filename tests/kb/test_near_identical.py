"""Recurrences are one trouble, near misses are not."""

from dataclasses import replace

import pytest

from kb.near_identical import Report, near_identical

FULL = Report(
    "Disk full on web-03: /var/log at 98 %",
    "[FIRING:1] DiskFillingUp instance=10.0.0.3:9100 mountpoint /var/log, no space left on device",
    "Rotate the logs by hand and restart rsyslog",
)


@pytest.mark.parametrize(
    "other",
    [
        FULL,
        replace(FULL, title="Disk full on web-11: /var/log at 99 %"),
        replace(FULL, title="disk Full on web-03: /var/log at 98 %"),
        replace(
            FULL,
            symptoms="2026-03-04T10:00:00Z [FIRING:2] DiskFillingUp instance=10.0.7.12:9100"
            " mountpoint /var/log, no space left on device",
        ),
        replace(FULL, remedy=""),
        replace(FULL, remedy="see web-03"),
        replace(FULL, remedy="Rotated the logs by hand, restarted rsyslog"),
    ],
)
def test_another_host_time_or_number_is_the_same_trouble_again(other: Report) -> None:
    assert near_identical(FULL, other)
    assert near_identical(other, FULL)


@pytest.mark.parametrize(
    "other",
    [
        replace(FULL, title="Disk slow on web-03: /var/log at 98 %"),
        replace(FULL, title="Disk full on db-orders-03: /var/lib at 98 %"),
        replace(FULL, symptoms="smartctl reports pending sectors, I/O errors in dmesg"),
        replace(FULL, symptoms=FULL.symptoms + ", EDQUOT"),
        replace(FULL, remedy="Replace the drive in slot two and let the array rebuild"),
        replace(FULL, known_error="KE-0001"),
        replace(FULL, title=""),
        Report("", "", ""),
    ],
)
def test_another_fault_code_system_or_remedy_is_another_trouble(other: Report) -> None:
    assert not near_identical(FULL, other)
    assert not near_identical(other, FULL)


def test_error_codes_that_differ_in_digits_alone_are_different_errors() -> None:
    one = Report("ERP database refuses every new login", "ORA-00257: archiver error", "")
    assert near_identical(one, replace(one, symptoms="10:00 ORA-00257: archiver error"))
    assert not near_identical(one, replace(one, symptoms="ORA-00020: archiver error"))
    one = Report("Checkout of the shop answers with HTTP 502", "", "")
    assert not near_identical(one, replace(one, title="Checkout of the shop answers with HTTP 504"))


def test_reports_of_few_words_are_never_one() -> None:
    assert not near_identical(Report("VPN down", "", ""), Report("VPN down", "", ""))
