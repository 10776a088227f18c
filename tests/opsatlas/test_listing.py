"""Lists: filters, order and pages, over real rows on both databases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.orm import InstrumentedAttribute

from opsatlas.audit import AuditEntry
from opsatlas.db.listing import (
    InvalidListQueryError,
    ListQuery,
    decode_cursor,
    encode_cursor,
    list_page,
    parse_query,
)
from opsatlas.db.transaction import reading, transaction

COLUMNS: dict[str, InstrumentedAttribute[Any]] = {
    "id": AuditEntry.id,
    "at": AuditEntry.at,
    "actor": AuditEntry.actor,
    "request_id": AuditEntry.request_id,
}
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """Seven rows: actors a, b, a, b, a, b, a; the last without a request id."""
    with transaction(engine) as session:
        for number in range(7):
            session.add(
                AuditEntry(
                    at=START + timedelta(days=number),
                    actor="ab"[number % 2],
                    role="admin",
                    request_id=f"Req%{number}" if number < 6 else None,
                    action="x",
                    entity="y",
                    entity_id="1",
                )
            )
    return engine


def ids(engine: Engine, **parameters: str | list[str]) -> list[int]:
    given_ = {
        name: value if isinstance(value, list) else [value] for name, value in parameters.items()
    }
    with reading(engine) as session:
        page = list_page(session, AuditEntry, COLUMNS, parse_query(given_, max_limit=1000))
    return [row.id for row in page.rows]


def test_a_field_given_twice_matches_either_value(filled: Engine) -> None:
    assert ids(filled, actor=["a", "b"], id=["1", "2", "9"]) == [1, 2]
    assert ids(filled, actor="b") == [2, 4, 6]


def test_lookups_compare_as_they_say(filled: Engine) -> None:
    assert ids(filled, actor__n="a") == [2, 4, 6]
    assert ids(filled, request_id__ic="REQ%4") == [5]
    assert ids(filled, request_id__isw="req") == [1, 2, 3, 4, 5, 6]
    assert ids(filled, request_id__ic="%") == [1, 2, 3, 4, 5, 6]
    assert ids(filled, request_id__ic="_") == []
    assert ids(filled, request_id__n="Req%0") == [2, 3, 4, 5, 6, 7]
    assert ids(filled, request_id__empty="true") == [7]
    assert ids(filled, at__gte="2026-01-05T00:00:00Z", at__lte="2026-01-06T00:00:00+00:00") == [
        5,
        6,
    ]


def test_order_is_by_the_named_fields_and_then_by_id(filled: Engine) -> None:
    assert ids(filled, ordering="-actor") == [2, 4, 6, 1, 3, 5, 7]
    assert ids(filled, ordering="actor,-at") == [7, 5, 3, 1, 6, 4, 2]


def test_the_count_is_of_the_whole_list_and_more_says_whether_it_goes_on(filled: Engine) -> None:
    with reading(filled) as session:
        page = list_page(session, AuditEntry, COLUMNS, ListQuery(limit=3, offset=3))
        last = list_page(session, AuditEntry, COLUMNS, ListQuery(limit=3, offset=6))
    assert (page.count, len(page.rows), page.more) == (7, 3, True)
    assert (last.count, len(last.rows), last.more) == (7, 1, False)


def test_a_cursor_reads_every_row_once_although_rows_come_meanwhile(filled: Engine) -> None:
    seen: list[int] = []
    cursor = 0
    while True:
        with reading(filled) as session:
            page = list_page(session, AuditEntry, COLUMNS, ListQuery(limit=2, cursor=cursor))
        seen += [row.id for row in page.rows]
        cursor = page.rows[-1].id
        if not page.more:
            break
    assert seen == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"limit": "0"}, "limit must be 1 to 1000"),
        ({"limit": "1001"}, "limit must be 1 to 1000"),
        ({"limit": "many"}, "limit must be a whole number"),
        ({"offset": "-1"}, "offset must be 0"),
        ({"offset": "9" * 30}, "offset must be 0"),
        ({"cursor": "!!"}, "no cursor of ours"),
        ({"cursor": "YWJj"}, "no cursor of ours"),
        ({"cursor": "", "ordering": "at"}, "cannot be used with a cursor"),
        ({"colour": "red"}, "no field 'colour'"),
        ({"ordering": "colour"}, "no field 'colour'"),
        ({"actor__like": "x"}, "'like' is no lookup"),
        ({"id": "one"}, "whole number"),
        ({"id": "9" * 30}, "beyond 64 bits"),
        ({"at__gte": "yesterday"}, "RFC 3339"),
        ({"request_id__empty": "perhaps"}, "true or false"),
        ({"actor": "a\x00"}, "character"),
        ({"actor__ic": "\ud800"}, "character"),
    ],
)
def test_a_wrong_parameter_is_named(
    sqlite_engine: Engine, parameters: dict[str, str], says: str
) -> None:
    with pytest.raises(InvalidListQueryError, match=says):
        ids(sqlite_engine, **parameters)


@given(st.integers(0, 2**63 - 1))
def test_a_cursor_comes_back_as_the_id_that_it_was_made_of(last_id: int) -> None:
    assert decode_cursor(encode_cursor(last_id)) == last_id


@given(
    st.dictionaries(
        st.sampled_from(["limit", "offset", "cursor", "ordering", "id", "at", "actor__ic", "x"]),
        st.lists(st.text(), min_size=1, max_size=2),
        max_size=3,
    )
)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_parameters_give_a_list_or_a_named_error(
    sqlite_engine: Engine, parameters: dict[str, list[str]]
) -> None:
    try:
        ids(sqlite_engine, **parameters)
    except InvalidListQueryError as error:
        assert error.errors[0].pointer.startswith("/query/")
