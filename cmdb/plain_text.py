"""Text values: trimmed, of one form, bounded, and None where they say "nothing"."""

import unicodedata
from typing import Any

from cmdb.importers.records import BadValue

MAX_TEXT = 255

_NOTHING = frozenset(
    [
        *("", "-", "--", "---", "?", "n/a", "n.a.", "#n/a", "none", "null", "nil", "unknown"),
        *("tbd", "tba", "not available", "not applicable", "not specified"),
        *("to be filled by o.e.m.", "default string", "system serial number"),
    ]
)
"""What people, spreadsheets and mainboards write for "nothing", in lower case."""
_LONGEST_NOTHING = max(map(len, _NOTHING))


class RefusedValueError(ValueError):
    """A value that cannot be stored: a stable code, what is wrong, what would be right."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


def text(raw: Any, *, limit: int = MAX_TEXT) -> str | None:
    """One line of text, trimmed, in Unicode's composed form (NFC)."""
    written = _written(raw)
    if written is None:
        return None
    cleaned = written.strip()
    if not cleaned.isascii():
        cleaned = unicodedata.normalize("NFC", cleaned)
    if not cleaned.isprintable():
        refuse_control_characters(cleaned, lines=False)
    if len(cleaned) <= _LONGEST_NOTHING and cleaned.lower() in _NOTHING:
        return None
    if len(cleaned) > limit:
        raise RefusedValueError(
            "too_long", f"this is {len(cleaned)} characters long", f"at most {limit} are kept"
        )
    return cleaned


def _written(raw: Any) -> str | None:
    if isinstance(raw, str):
        return raw
    if raw is None:
        return None
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    if isinstance(raw, BadValue):
        raise RefusedValueError("invalid_value", f"{raw.written[:40]} is {raw.why}")
    raise RefusedValueError("wrong_type", "this must be text", 'write it in quotes: "1.5"')


def refuse_control_characters(value: str, *, lines: bool) -> None:
    """Raise RefusedValueError for what no database should see; `lines` may be broken."""
    for position, char in enumerate(value):
        category = unicodedata.category(char)
        if category == "Cs":
            raise RefusedValueError(
                "control_character",
                f"half a surrogate pair (U+{ord(char):04X}) at character {position + 1}",
            )
        if category == "Cc" and not (lines and char in "\n\r\t"):
            raise RefusedValueError(
                "control_character",
                f"a control character (U+{ord(char):04X}) at character {position + 1}",
                "take it out; a value is one line of text" if not lines else "take it out",
            )
