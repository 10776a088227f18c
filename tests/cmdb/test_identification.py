"""Which CI is this record? By what surely tells one thing from another, never by a guess."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, select

from cmdb import identifiers as ids
from cmdb.decision_models import IdentificationReview
from cmdb.items import retire_ci
from cmdb.models import ConfigurationItem
from cmdb.reviews import DecidedError, get_review, keep_apart, merge
from cmdb.schemas import ImportReport
from cmdb.source_schemas import ReviewOut
from opsatlas.actor import SYSTEM
from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import InvalidInputError
from tests.cmdb.inventories import contents, load_texts

HEADER = "key,name,ci_class,environment,fqdn,serial_number,mac_addresses,cloud_id\n"


def rows(*lines: str) -> str:
    return HEADER + "".join(f"{line}\n" for line in lines)


def loaded(engine: Engine, source: str, *lines: str) -> ImportReport:
    report = load_texts(engine, rows(*lines), source=source)
    assert report.state == "done", report.problems
    return report


def reviews(engine: Engine) -> list[ReviewOut]:
    with reading(engine) as session:
        found = session.scalars(
            select(IdentificationReview.id).order_by(IdentificationReview.key)
        ).all()
        return [get_review(session, each) for each in found]


SAME = {
    "the serial number, whatever the spelling": (
        "1,hv-01,hypervisor,,,SRV-F2C5 P9HL,,",
        "9,Old Box,server,,,srvf2c5p9hl,,",
    ),
    "the cloud id": ("1,a,database,,,,,arn:aws:rds:x:db/1", "9,b,database,,,,,ARN:AWS:RDS:x:db/1"),
    "the host name with a trailing dot, in capitals": (
        "1,web,server,,web-1.example.org,,,",
        "9,W1,virtual_machine,,WEB-1.Example.org.,,,",
    ),
    "a MAC address, however it is written": (
        "1,sw1,network_device,,,,00:1A:2b:3c:4d:5e,",
        "9,switch,network_device,,,,001a.2b3c.4d5e; aa-bb-cc-dd-ee-ff,",
    ),
    "name and class in another case": ("1,Web  One,application,,,,,", "9,web one,application,,,,,"),
    "the host name with and without its domain": (
        "1,web-1,server,,,,,",
        "9,WEB-1.corp.example,virtual_machine,,,,,",
    ),
}
OTHER = {
    "another serial number under the same name": (
        "1,web-1,server,,,AAAA1111,,",
        "9,web-1,server,,,BBBB2222,,",
    ),
    "another environment": ("1,api,application,production,,,,", "9,api,application,test,,,,"),
    "another class": ("1,api,application,,,,,", "9,api,database,,,,,"),
    "the host name of its machine": (
        "1,db-1,virtual_machine,,db-1.example.org,,,",
        "9,orders,database,,db-1.example.org,,,",
    ),
    "a serial number that is none": (
        "1,a,server,,,To be filled by O.E.M.,,",
        "9,b,server,,,To Be Filled By OEM,,",
    ),
    "a serial number of zeros": ("1,a,server,,,0000000000,,", "9,b,server,,,0000000000,,"),
    "two domains of one host name": (
        "1,web.one.example,server,,,,,",
        "9,web.two.example,server,,,,,",
    ),
    "an empty MAC address": (
        "1,a,server,,,,00:00:00:00:00:00,",
        "9,b,server,,,,00-00-00-00-00-00,",
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_a_record_of_another_source_is_the_same_ci_by(engine: Engine, case: str) -> None:
    first, second = SAME[case]
    loaded(engine, "one", first)
    report = loaded(engine, "two", second)
    assert (report.configuration_items.created, report.configuration_items.updated) == (0, 1)
    (ci,) = contents(engine)["cis"]
    assert ci[6] == [("one", "1"), ("two", "9")]


@pytest.mark.parametrize("case", OTHER)
def test_a_record_is_another_ci_with(engine: Engine, case: str) -> None:
    first, second = OTHER[case]
    loaded(engine, "one", first)
    assert loaded(engine, "two", second).configuration_items.created == 1


def test_what_identifies_first_decides_and_the_name_alone_does_not(engine: Engine) -> None:
    loaded(engine, "one", "1,web-1,server,,,AAAA1111,,", "2,web-2,server,,,BBBB2222,,")
    loaded(engine, "two", "9,web-1,server,,,bbbb-2222,,")
    keys = {ci[0]: ci[6] for ci in contents(engine)["cis"]}
    assert keys == {"web-1": [("one", "1")], "web-2": [("one", "2"), ("two", "9")]}


def test_a_retired_ci_comes_back_by_its_serial_number_and_not_by_its_name(engine: Engine) -> None:
    load_texts(engine, "key,name,ci_class,status,serial_number\n1,web-1,server,retired,AAAA1111\n")
    assert loaded(engine, "two", "9,web-1,server,,,,,").configuration_items.created == 1
    assert loaded(engine, "six", "8,other,server,,,AAAA1111,,").configuration_items.updated == 1


def two_candidates(engine: Engine) -> ReviewOut:
    loaded(engine, "one", "1,a,server,,,AAAA1111,,", "2,b,server,,b.example.org,,,")
    report = load_texts(
        engine,
        rows("9,c,server,,b.example.org,AAAA1111,,", "8,d,server,,,,,"),
        "dependent,provider\n8,9\n",
        source="two",
    )
    assert report.state == "done"
    assert (report.configuration_items.created, report.configuration_items.in_review) == (1, 1)
    assert report.relationships.in_review == 1
    assert [each.code for each in report.problems] == ["needs_review", "end_in_review"]
    (review,) = reviews(engine)
    return review


def test_a_record_that_fits_two_cis_waits_with_both_and_the_reasons(engine: Engine) -> None:
    review = two_candidates(engine)
    assert (review.source, review.key, review.state) == ("two", "9", "open")
    assert [(each.name, each.reasons) for each in review.candidates] == [
        ("a", ["the same serial_number aaaa1111"]),
        ("b", ["the same fqdn b.example.org"]),
    ]
    again = load_texts(engine, rows("9,c,server,,b.example.org,AAAA1111,,"), source="two")
    assert again.configuration_items.in_review == 1
    assert [each.id for each in reviews(engine)] == [review.id]


def test_a_merge_is_remembered_by_later_loads(engine: Engine) -> None:
    review = two_candidates(engine)
    with transaction(engine) as session:
        decided = merge(session, review.id, review.candidates[1].ci, SYSTEM, revision_keep=10)
    assert (decided.state, decided.ci) == ("merged", review.candidates[1].ci)
    lines = rows("9,c,server,,b.example.org,AAAA1111,,", "8,d,server,,,,,")
    report = load_texts(engine, lines, "dependent,provider\n8,9\n", source="two")
    assert report.configuration_items.model_dump(exclude_defaults=True) == {"unchanged": 2}
    assert report.relationships.created == 1
    keys = {ci[0]: ci[6] for ci in contents(engine)["cis"]}
    assert keys["b"] == [("one", "2"), ("two", "9")]


def test_keeping_apart_makes_a_ci_of_its_own_and_is_remembered(engine: Engine) -> None:
    review = two_candidates(engine)
    with transaction(engine) as session:
        decided = keep_apart(session, review.id, SYSTEM, revision_keep=10)
    assert decided.state == "kept_apart"
    with reading(engine) as session:
        made = session.get(ConfigurationItem, decided.ci)
        assert made is not None
        assert (made.name, made.status, made.serial_number) == ("c", "active", "AAAA1111")
    lines = rows("9,c,server,,b.example.org,AAAA1111,,")
    report = load_texts(engine, lines, source="two")
    assert report.configuration_items.model_dump(exclude_defaults=True) == {"unchanged": 1}


def test_a_record_that_comes_to_fit_one_ci_alone_leaves_the_queue(engine: Engine) -> None:
    review = two_candidates(engine)
    with transaction(engine) as session:
        retire_ci(session, review.candidates[1].ci, SYSTEM)
    report = loaded(engine, "two", "9,c,server,,b.example.org,AAAA1111,,")
    assert report.configuration_items.updated == 1
    assert reviews(engine) == []


def test_a_review_is_decided_once_and_only_for_a_candidate(engine: Engine) -> None:
    review = two_candidates(engine)
    with transaction(engine) as session:
        with pytest.raises(InvalidInputError, match="none of those"):
            merge(session, review.id, 99, SYSTEM, revision_keep=10)
        keep_apart(session, review.id, SYSTEM, revision_keep=10)
        with pytest.raises(DecidedError):
            keep_apart(session, review.id, SYSTEM, revision_keep=10)


@pytest.mark.parametrize(
    ("kind", "raw", "form"),
    [
        (ids.serial, " SRV-F2C5 P9HL ", "srvf2c5p9hl"),
        (ids.serial, "N/A", None),
        (ids.serial, "System Serial Number", None),
        (ids.serial, "xxxxxxxxxxx", None),
        (ids.serial, 12345678901, None),
        (ids.host_name, "Web.Example.ORG.", "web.example.org"),
        (ids.host_name, "web", None),
        (ids.host_name, "*.example.org", None),
        (ids.mac, "00:1a:2B-3c.4d5e", "001a2b3c4d5e"),
        (ids.mac, "00:1a:2b:3c:4d", None),
        (ids.mac, "ff:ff:ff:ff:ff:ff", None),
        (ids.short_name, "HV-01.ham1.example.", "hv-01"),
        (ids.short_name, "Online Shop", None),
        (ids.short_name, "10.0.0.1", None),
    ],
)
def test_identifiers_are_brought_to_one_form(kind: Any, raw: Any, form: str | None) -> None:
    assert kind(raw) == form
