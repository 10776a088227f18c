"""A text that is piped into a command: a log of any length and encoding, cut to what is read."""

from __future__ import annotations

import codecs
import sys
from collections import deque
from typing import BinaryIO

from api.cli import terminal
from search.log_digest import digest, readable

HEAD_BYTES, TAIL_BYTES = 1 << 19, 7 << 19
"""What is kept of an endless input: its beginning, and its end, where the trouble is."""

_AT_A_TIME = 1 << 16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def question(most: int) -> str:
    """What standard input says, in at most `most` characters; says so where that is not all."""
    if sys.stdin.isatty():
        terminal.note("reading standard input; Ctrl-D ends it")
    content, size = _read(sys.stdin.buffer)
    text = readable(_decoded(content))
    kept = digest(text, most)
    if kept is not text:
        lines, whole = kept.count("\n") + 1, text.count("\n") + 1
        beyond = " at its beginning and end" if size > HEAD_BYTES + TAIL_BYTES else ""
        told = f"{lines:,} most telling of {whole:,} lines{beyond} ({size:,} bytes)"
        terminal.note(f"asked with the {told}")
    return kept


def argument(text: str) -> str:
    """A text of the command line, whatever bytes it was typed in."""
    return readable(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


def _read(stream: BinaryIO) -> tuple[bytes, int]:
    """The beginning and the end of a stream, and how many bytes it has in all."""
    head = stream.read(HEAD_BYTES)
    tail: deque[bytes] = deque()
    held, size = 0, len(head)
    while piece := stream.read(_AT_A_TIME):
        tail.append(piece)
        held += len(piece)
        size += len(piece)
        while held - len(tail[0]) >= TAIL_BYTES:
            held -= len(tail.popleft())
    gap = b"\n" if len(head) + held < size else b""
    return b"".join((head, gap, *tail)), size


def _decoded(content: bytes) -> str:
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    return content.decode(encoding, "replace")
