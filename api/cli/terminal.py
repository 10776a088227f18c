"""The two streams of a command: answers on standard output, everything else on standard error."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any, cast

from rich.console import Console
from rich.text import Text

from opsatlas.clock import parse_rfc3339

_SHOWN_ERRORS = 10
_KEPT = frozenset("\n\t\u200c\u200d")
"""Signs that are not printable and shown all the same: line breaks, tabs, and the joiners without
which some scripts and emoji fall apart."""
_SPACE = "Zs"
"""The category of spaces: to Python those of French texts are not printable."""
_UNSAFE_JSON = re.compile("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What JSON may hold as it is, and a terminal may obey: control characters, text direction."""
_FILLED = re.compile(r" +\n")


class _Trimmed:
    """Standard output without the blanks that Rich fills lines up with, which a file keeps."""

    def write(self, text: str) -> int:
        return sys.stdout.write(_FILLED.sub("\n", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stdout, name)


stdout = Console(file=cast("IO[str]", _Trimmed()), highlight=False, markup=False)
stderr = Console(stderr=True, highlight=False, markup=False)


def survive_any_encoding() -> None:
    """Write `?` for what the terminal's encoding cannot show, instead of failing over it."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def print_json(document: Any) -> None:
    """The one JSON document of `--json`, in UTF-8 whatever the terminal's encoding is."""
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    text = _UNSAFE_JSON.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def print_bytes(content: bytes) -> None:
    """A file on standard output, byte by byte."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def print_as_it_is(text: str) -> None:
    """A text for a file, such as a mapping: nothing is wrapped or coloured."""
    stdout.print(plain(text.rstrip("\n")), soft_wrap=True)


def note(text: str) -> None:
    """A line beside the answer: progress, a hint."""
    stderr.print(plain(text), soft_wrap=True)


def waiting(text: str) -> AbstractContextManager[object]:
    """Shows that something takes a while; silent where standard error is not a terminal."""
    return stderr.status(text) if stderr.is_terminal else nullcontext()


def can_ask() -> bool:
    """Whether somebody sits at a terminal who sees a question and can answer it."""
    return stderr.is_terminal and sys.stdin.isatty()


def minute(moment: str | None) -> str:
    """A time of the API as people read it: UTC, to the minute."""
    return f"{parse_rfc3339(moment):%Y-%m-%d %H:%M}" if moment else "-"


def plain(text: str, style: str = "") -> Text:
    """Text from the data as it may reach a terminal: no escape sequences, no markup."""
    return Text("".join(map(_shown, text.replace("\r\n", "\n"))), style=style)


def _shown(sign: str) -> str:
    if sign.isprintable() or sign in _KEPT:
        return sign
    if unicodedata.category(sign) == _SPACE:
        return " "
    return sign.encode("unicode_escape", "replace").decode("ascii")


def print_problem(document: Mapping[str, Any]) -> None:
    """A problem document in words, on standard error."""
    line = Text("error: ", style="bold red")
    stderr.print(line.append_text(plain(str(document.get("detail") or "it failed"))))
    errors = [item for item in document.get("errors") or () if isinstance(item, Mapping)]
    told = str(document.get("detail"))
    for item in errors[:_SHOWN_ERRORS]:
        for text in _item_lines(item, told):
            stderr.print(plain(text))
    if len(errors) > _SHOWN_ERRORS:
        stderr.print(f"  … and {len(errors) - _SHOWN_ERRORS} more")


def _item_lines(item: Mapping[str, Any], told: str) -> Iterable[str]:
    detail, hint = str(item.get("detail") or ""), str(item.get("hint") or "")
    if detail and detail not in told:
        yield f"  {detail}"
    if hint and hint not in told:
        yield f"  {hint}"
    if not hint.startswith("did you mean"):  # else it names them already
        for candidate in item.get("candidates") or ():
            yield "  - " + ", ".join(f"{key} {value}" for key, value in candidate.items())
