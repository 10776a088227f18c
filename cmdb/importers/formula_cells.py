"""Texts that a spreadsheet would calculate, written so that it does not, and read back. Pure.

A text gets one apostrophe in front where it begins, behind any apostrophes, with the start of a
formula; reading takes one away under the same condition. So whatever is written comes back, also
what had an apostrophe of its own, and a text that is no formula keeps all of its apostrophes.
"""

import re

_STARTS = re.compile(r"'*(?:\s*[=+\-@＝＋－＠]|[\t\r\n])")
_ESCAPED = re.compile(r"'(?:\s*[=+\-@＝＋－＠]|[\t\r\n])")


def escaped(text: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if _STARTS.match(text) else text


def unescaped(cell: str) -> str:
    """The text that `escaped` was given."""
    return cell[1:] if cell[:1] == "'" and _STARTS.match(cell) else cell


def may_hold_escapes(content: str) -> bool:
    """Whether any cell of a file may be an escaped one: no for nearly every file."""
    return _ESCAPED.search(content) is not None
