"""JSON that no database can hold is refused by name; everything else reads as Python reads it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsatlas import strict_json
from opsatlas.strict_json import MalformedJsonError

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_what_json_can_say_comes_through_unchanged(value: object) -> None:
    assert strict_json.loads(json.dumps(value).encode(), max_depth=50) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_never_anything_else(data: bytes) -> None:
    try:
        strict_json.loads(data, max_depth=50)
    except MalformedJsonError as error:
        assert error.detail


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": 1e999}', "beyond what JSON readers"),
        (b'{"a": 9223372036854775808}', "beyond 64 bits"),
        (b'{"a": ' + b"9" * 5000 + b"}", "beyond 64 bits"),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"a": "\\ud800"}', "half a character"),
        (b'{"\\ud800": 1}', "half a character"),
        (b'{"a": "\\u0000"}', "NUL"),
        (b'{"a": "\xff"}', "not UTF-8 (byte 7)"),
        (b'{"a":\n nope}', "line 2, column 2"),
        (b"", "not JSON"),
        (b"[" * 51 + b"]" * 51, "more than 50 levels"),
        (b'{"a":' * 100_000, "more than 50 levels"),
        (b"[" * 1_000_000, "more than 50 levels"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(text: bytes, says: str) -> None:
    with pytest.raises(MalformedJsonError) as refused:
        strict_json.loads(text, max_depth=50)
    assert says in refused.value.detail


def test_fifty_levels_are_read_where_fifty_are_allowed() -> None:
    assert strict_json.loads(b"[" * 50 + b"]" * 50, max_depth=50)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert strict_json.loads(b"\xef\xbb\xbf[1]", max_depth=5) == [1]
