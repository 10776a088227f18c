"""The answer as text says what the answer as models says, and so does the one given at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, select, update

from cmdb.impact_answer import answer_impact, answer_impact_json
from cmdb.impact_at_once import NotAtOnceError, answer_at_once
from cmdb.impact_schemas import ImpactQuestion
from cmdb.models import ConfigurationItem
from cmdb.priority import DEFAULT_MATRIX
from cmdb.snapshots import CI, GraphCache
from opsatlas import revision
from opsatlas.db.kept_reader import KeptReader, kept_reader
from opsatlas.db.transaction import reading, transaction
from tests.cmdb.rows import put_ci, put_relationship

_LIMITS = {"max_failed": 10, "max_limit": 500}
_CIS = 90


@pytest.fixture
def company(engine: Engine) -> Engine:
    """90 CIs in ten layers, half of them services, with names that JSON has to escape; every kind
    of relationship, and two in a circle."""
    random = np.random.default_rng(11)
    with transaction(engine) as session:
        ids = [
            put_ci(
                session,
                f'"{number}"\\ é\u2028\t{number}',
                "business_service" if number % 2 else "application",
                criticality=None if number % 5 == 0 else number % 4 + 1,
                owner=None if number % 3 == 0 else f"team {number % 7} “ü”",
                support_group=None if number % 4 == 0 else f"group-{number % 3}",
            )
            for number in range(_CIS)
        ]
        for number in range(9, _CIS):
            below = random.choice(number // 9 * 9, 3, replace=False).tolist()
            put_relationship(session, ids[number], ids[below[0]], type_="uses")
            kind = number % 3
            if kind == 1:
                put_relationship(session, ids[number], ids[below[1]], dependency="optional")
            if kind == 2:
                for each in below[1:]:
                    put_relationship(session, ids[number], ids[each], group="pair", min_up=1)
        put_relationship(session, ids[9], ids[80])
    return engine


@pytest.fixture
def reader(company: Engine) -> Iterator[KeptReader]:
    found = kept_reader(company)
    if found is None:
        pytest.skip("reads need a round trip there")
    yield found
    found.close()


def ids_of(engine: Engine) -> list[int]:
    with reading(engine) as session:
        return list(session.scalars(select(ConfigurationItem.id).order_by(ConfigurationItem.id)))


def as_text(engine: Engine, cache: GraphCache, question: ImpactQuestion) -> dict[str, Any]:
    with reading(engine) as session:
        content = answer_impact_json(session, cache, question, DEFAULT_MATRIX, **_LIMITS)
    return without_time(json.loads(content))


def as_models(engine: Engine, cache: GraphCache, question: ImpactQuestion) -> dict[str, Any]:
    with reading(engine) as session:
        answer = answer_impact(session, cache, question, DEFAULT_MATRIX, **_LIMITS)
    return without_time(answer.model_dump(mode="json"))


def at_once(reader: KeptReader, cache: GraphCache, question: ImpactQuestion) -> dict[str, Any]:
    return without_time(
        json.loads(answer_at_once(reader, cache, question, DEFAULT_MATRIX, **_LIMITS))
    )


def without_time(answer: dict[str, Any]) -> dict[str, Any]:
    assert answer.pop("took_ms") >= 0
    return answer


def by_id(*ids: int, **more: Any) -> ImpactQuestion:
    return ImpactQuestion.model_validate({"failed": [{"id": each} for each in ids], **more})


def test_the_text_says_what_the_models_say_in_the_same_order(company: Engine) -> None:
    cache, ids = GraphCache(), ids_of(company)
    sizes = set()
    questions = [
        by_id(ids[number], ids[-number - 1], limit=number, urgency="medium")
        for number in range(0, _CIS, 15)
    ]
    for question in [by_id(*ids[:9]), *questions]:
        text, models = as_text(company, cache, question), as_models(company, cache, question)
        assert text == models
        assert [list(each) for each in text["services"]] == [
            list(each) for each in models["services"]
        ]
        assert list(text) == list(models)
        sizes.add(len(text["services"]) > 32)
    assert sizes == {True, False}


def test_every_path_leads_from_a_failed_ci_step_by_step_to_its_service(company: Engine) -> None:
    answer = as_text(company, GraphCache(), by_id(*ids_of(company)[:9]))
    assert len(answer["services"]) > 32
    for service in answer["services"]:
        path = service["path"]
        assert path[0]["because"]["kind"] == "failed"
        assert path[-1]["id"] == service["id"]
        assert path[-1]["state"] == service["state"]
        assert len(path) == service["distance"] + 1
        for provider, dependent in pairwise(path):
            assert dependent["because"]["provider"] == provider["id"]


def test_the_text_of_a_past_moment_says_which(company: Engine) -> None:
    question = by_id(ids_of(company)[0], as_of="2999-01-01T00:00:00Z")
    with reading(company) as session:
        moment = session.scalars(select(ConfigurationItem.created_at)).first()
    assert moment is not None
    question.as_of = moment
    cache = GraphCache()
    assert as_text(company, cache, question) == as_models(company, cache, question)


def test_an_answer_given_at_once_is_the_ordinary_one(company: Engine, reader: KeptReader) -> None:
    cache, ids = GraphCache(), ids_of(company)
    for each in (ids[0], ids[44], ids[-1]):
        ordinary = as_text(company, cache, by_id(each))
        assert at_once(reader, cache, by_id(each)) == ordinary
        by_name = ImpactQuestion(failed=[ordinary["failed"][0]["name"].upper()])
        assert at_once(reader, cache, by_name) == ordinary


def test_what_is_not_plain_is_left_to_the_ordinary_way(company: Engine, reader: KeptReader) -> None:
    cache, ids = GraphCache(), ids_of(company)
    with pytest.raises(NotAtOnceError):
        at_once(reader, cache, by_id(ids[0]))  # no graph is held yet
    with transaction(company) as session:
        put_ci(session, "twice")
        put_ci(session, "twice")
        retired = put_ci(session, "gone", status="retired")
    as_text(company, cache, by_id(ids[0]))
    at_once(reader, cache, by_id(ids[0]))
    for question in (
        ImpactQuestion(failed=["twice"]),
        ImpactQuestion(failed=["nope"]),
        by_id(retired),
        by_id(*ids[:11]),
        by_id(ids[0], limit=501),
        by_id(ids[0], as_of="2026-01-01T00:00:00Z"),
    ):
        with pytest.raises(NotAtOnceError):
            at_once(reader, cache, question)


def test_a_change_is_in_the_next_answer_whoever_made_it(
    company: Engine, reader: KeptReader
) -> None:
    cache, ids = GraphCache(), ids_of(company)
    before = as_text(company, cache, by_id(ids[0]))
    assert at_once(reader, cache, by_id(ids[0])) == before
    with transaction(company) as session:
        changed = update(ConfigurationItem).where(ConfigurationItem.id == ids[-1])
        session.execute(changed.values(name="renamed"))
        revision.note(session, CI, [ids[-1]])
    with pytest.raises(NotAtOnceError):
        at_once(reader, cache, by_id(ids[0]))
    after = as_text(company, cache, by_id(ids[0]))
    assert after == as_models(company, GraphCache(), by_id(ids[0]))
    assert "renamed" in {each["name"] for each in after["services"]}
    assert at_once(reader, cache, by_id(ids[0])) == after


def test_names_of_a_unit_of_work_that_was_undone_are_not_kept(company: Engine) -> None:
    cache, ids = GraphCache(), ids_of(company)
    before = as_text(company, cache, by_id(ids[-1]))
    with pytest.raises(ZeroDivisionError), transaction(company) as session:
        changed = update(ConfigurationItem).where(ConfigurationItem.id == ids[-1])
        session.execute(changed.values(name="never"))
        revision.note(session, CI, [ids[-1]])
        answer_impact_json(session, cache, by_id(ids[-1]), DEFAULT_MATRIX, **_LIMITS)
        raise ZeroDivisionError
    with transaction(company) as session:
        revision.note(session, CI, [ids[0]])
    after = as_text(company, cache, by_id(ids[-1]))
    assert after["failed"] == before["failed"]
