"""A long log cut down to the lines that tell what is wrong: any text in, one of bounded length out.

The beginning of a log says that everything starts, over and over; what fails stands in its midst
or at its end. Kept are the first lines, lines that report an error, what was raised and where, and
the last lines, each only once however often it is repeated, in their order. Lines are told by their
look alone; what a kept line means is read afterwards (query.py).
"""

import re
from collections.abc import Iterable, Sequence

from search.query import MAX_CHARACTERS, Part, understand

LONGEST_LINE = 500
"""Characters of one line that are kept."""

_HEAD, _TAIL = 3, 8
"""Lines that are kept of the beginning and of the end."""
_FRAMES = 4
"""Frames of a stack trace that are kept below what was raised: the place, and who called it."""
_LOG = 3
"""Lines from which a text is a log and not a line that was picked out of one."""
_TELLS = 4
"""From this worth on a line reports an error."""
_BEFORE = 2
"""Lines that are kept before one that tells something: what was being done."""

# Terminal colours and titles, and what else moves a cursor (ECMA-48), as logs of containers and of
# build servers are full of.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|[\]PX^_][^\x07\x1b\n]{0,400}(?:\x07|\x1b\\)"
    r"|[ -/]{0,8}[0-~])"
    r"|\x9b[0-?]{0,64}[ -/]{0,8}[@-~]"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff]")
_OVERWRITTEN = re.compile(r"^[^\n]*\r(?=[^\n\r])", re.MULTILINE)  # as progress bars do
_VARIABLE = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]*[0-9][0-9a-fA-F]*")

_FRAME = re.compile(
    r"\s*at \S{1,400}[(:]|\s+File \".{1,400}\", line \d|\s*\.\.\. \d+ (?:more|common)"
    r"|\s*#\d+ +\S|\s*\S{1,400}\.go:\d+ \+0x|goroutine \d+ \[|\s*\S{1,200}:in [`']"
)
_RAISED = re.compile(
    r"\s*(?:Caused by: |Suppressed: |Exception in thread |Traceback \(most recent|panic: )"
    r"|\s*[A-Za-z_$][\w.$]{0,300}(?:Exception|Error|Failure|Fault)(?:: |\s*$)"
)
_FATAL = re.compile(
    r"\b(?:FATAL|CRIT(?:ICAL)?|PANIC|EMERG(?:ENCY)?|ALERT|SEVERE)\b|\b(?:fatal|critical|panic)\b"
    r"|(?:level|lvl|severity)\"?[=:]\s*\"?(?:fatal|critical|crit|emerg|alert|panic)"
    r"|^F\d{4} |\b(?:segfault|Out of memory|oom-kill|OOMKilled|kernel panic|core dumped)\b"
)
_ERROR = re.compile(
    r"\bERR(?:OR)?\b|\[error\]|(?:level|lvl|severity)\"?[=:]\s*\"?err|^E\d{4} "
    r"|^\s*(?:\[[^\]]*\]\s*)?error\b|Exception\b|\b(?!UTC|GMT)[A-Z]{2,5}-\d{4,6}\b",
    re.MULTILINE,
)
_TROUBLE = re.compile(
    r"\b(?:fail(?:s|ed|ure|ing)?|error|refused|denied|timed? ?out|deadline exceeded|exhausted"
    r"|cannot|can't|could ?n[o']t|unable|unreachable|no space left|too many|aborted|corrupt\w*"
    r"|killed|lost|invalid|expired|rejected|not found|unavailable|dropped|reset by peer"
    r"|fehlgeschlagen|fehler|abgelehnt|[eé]chec|erreur|refus[eé]e?)\b|\" 5\d\d ",
    re.IGNORECASE,
)
_WARNING = re.compile(r"\bWARN(?:ING)?\b|(?:level|lvl|severity)\"?[=:]\s*\"?warn|^W\d{4} ")


def as_read(text: str) -> tuple[str, bool]:
    """What is read of a question's text, and whether that is less than there is."""
    text = readable(text)
    kept = digest(text)
    return led_by_its_error(kept), kept is not text


def readable(text: str) -> str:
    """`text` without terminal sequences, control characters and overwritten lines."""
    if text.isprintable():
        return text
    text = _ESCAPES.sub("", text).replace("\r\n", "\n")
    if "\r" in text:
        text = _OVERWRITTEN.sub("", text) if "\n" in text else text.replace("\r", "\n")
    return _CONTROLS.sub("", text)


def digest(text: str, most: int = MAX_CHARACTERS) -> str:
    """`text` itself where it has at most `most` characters, else its most telling lines.

    They are lines of `text`, in its order, long ones cut; at most `most` characters in all. Takes
    time in proportion to the length of `text`.
    """
    if len(text) <= most:
        return text
    lines = [line[:LONGEST_LINE].rstrip() for line in text.splitlines()]
    if len(text) > len(lines) * LONGEST_LINE and sum(map(len, lines)) <= most // 2:
        return _ends(text, most)  # few lines without end: nothing to choose from
    kept: set[int] = set()
    left = most
    for at in _by_worth(lines):
        # A line and its line break.
        if len(lines[at]) < left:
            kept.add(at)
            left -= len(lines[at]) + 1
    return "\n".join(lines[at] for at in sorted(kept))


def led_by_its_error(text: str) -> str:
    """`text`, with the line first that tells most where a log's first line tells nothing.

    The first line of a question counts as its title, and the first line of a log is any line.
    """
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < _LOG or not _is_of_a_log(lines[0]) or _worth(lines[0][:LONGEST_LINE]):
        return text
    worth = _worths(line[:LONGEST_LINE] for line in lines)
    best = worth.index(max(worth))
    return f"{lines[best]}\n{text}" if worth[best] >= _TELLS else text


def _is_of_a_log(line: str) -> bool:
    if line.startswith("-- "):  # journalctl: "-- Boot …"
        return True
    read = understand(line).lines
    return bool(read) and read[0][0] is Part.LOG


def _ends(text: str, most: int) -> str:
    half = (most - 1) // 2
    return f"{text[:half]}\n{text[-half:]}"


def _by_worth(lines: Sequence[str]) -> Iterable[int]:
    """The lines that are not blank, each kind of line once, the most telling first."""
    first, last = _said_first(lines), len(lines) - _TAIL
    worth = dict(zip(first, _worths(lines[at] for at in first), strict=True))
    head = first[:_HEAD]
    tail = [at for at in first if at >= last]
    told = [at for at in first if worth[at]]
    # Of equals the first and the last in turn: where it began, and what came of it.
    ranked = sorted(_from_both_ends(told), key=lambda at: -worth[at])
    before = [at - ahead for at in ranked for ahead in range(1, _BEFORE + 1) if at >= ahead]
    around = [at for at in before if lines[at]] if told else reversed(first)
    return dict.fromkeys((*head, *tail, *ranked, *around))


def _said_first(lines: Sequence[str]) -> list[int]:
    """Where each kind of line stands first; lines differ in kind if more than numbers differ."""
    seen: dict[str, int] = {}
    for at, line in enumerate(lines):
        if line and not line.isspace():
            seen.setdefault(_VARIABLE.sub("0", line), at)
    return list(seen.values())


def _from_both_ends(items: Sequence[int]) -> list[int]:
    mixed = [each for pair in zip(items, reversed(items), strict=True) for each in pair]
    return list(dict.fromkeys(mixed))


def _worths(lines: Iterable[str]) -> list[int]:
    """How much each line tells, 0 to 6."""
    worths: list[int] = []
    frames = _FRAMES
    for line in lines:
        worth = _worth(line)
        if _FRAME.match(line):
            frames += 1
            worth = 3 if frames <= _FRAMES else 0
        elif worth >= _TELLS or _RAISED.match(line):
            frames = 0
        worths.append(worth)
    return worths


def _worth(line: str) -> int:
    if _RAISED.match(line):
        return 6 if "Caused by" in line else 5
    if _FATAL.search(line):
        return 6
    if _ERROR.search(line):
        return 5 if _TROUBLE.search(line) else 4
    if _TROUBLE.search(line):
        return 2 if not _WARNING.search(line) else 3
    return 1 if _WARNING.search(line) else 0
