"""What the text of an incident is made of: sentences, alert labels, log lines, stack traces.

Pure, and quick for any text. Error codes and exception names are keys: they name a fault as nothing
else does. Times, addresses, ids and hashes are noise: they are always new, and where a document
has the same number it is by chance. `docs/search.md` has the table of what is recognised.
"""

import errno
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

MAX_CHARACTERS = 20_000
"""What is read of a text: about 3,000 words."""
MAX_KEYS = 32
"""Keys that are kept of one text; a page of log repeats a few."""
MAX_NAMES = 32
"""Names of machines and services that are kept of one text."""

# What kind of line it is stands at its beginning.
_LOOKED_AT = 600
# Longer runs without a space are cut, so that no pattern has far to look back.
_LONG_RUN = re.compile(r"(\S{300})(?=\S)")


class Part(StrEnum):
    """What a line of an incident's text is."""

    SENTENCE = "sentence"
    LABELS = "labels"
    LOG = "log"
    TRACE = "trace"


@dataclass(frozen=True, slots=True)
class IncidentText:
    """A text, understood. Lines are without their noise; blank ones are left out."""

    title: str
    """Its first line in words: without time, level and host, an alert's name split."""
    lines: tuple[tuple[Part, str], ...]
    labels: tuple[tuple[str, str], ...]
    """Names and values, in order."""
    keys: tuple[str, ...]
    """Error codes, exception names and reasons, in order, each once."""
    names: tuple[str, ...]
    """What labels and log prefixes call the machine or the service, in order, each once."""


_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?"
_ZONE = r"(?:Z\b| ?[+-]\d{2}:?\d{2})"
_ISO = rf"\d{{4}}[-/]\d{{2}}[-/]\d{{2}}(?:[T ]{_CLOCK}|[T ]\d{{2}}:\d{{2}})?{_ZONE}?"
_STAMP = re.compile(
    rf"\s*(?:<\d{{1,3}}>\d?\s*)?\[?(?:{_ISO}|{_MONTH} +\d{{1,2}} {_CLOCK}|"
    rf"\d{{1,2}}/{_MONTH}/\d{{4}}:{_CLOCK}(?: [+-]\d{{4}})?|{_CLOCK}|"
    rf"[IWEF]\d{{4}} {_CLOCK})\]?[:,]?\s+"
)
# "db-01 postgres[1234]: " of syslog and journald.
_SYSLOG = re.compile(r"(?P<host>[A-Za-z][\w.-]{0,252}) (?P<program>[\w./@-]{1,64})(?:\[\d+\])?: ")
_LEVEL = re.compile(
    r"\s*[\[(<]?(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|CRIT(?:ICAL)?|FATAL|SEVERE|PANIC)"
    r"[\])>]?(?=[\s:|-])[\s:|-]*"
)
_FRAME = re.compile(
    r"\s*at \S{1,400}(?: \[?\w[^()\n]{0,40})?\(.{0,200}\)"  # Java, JavaScript
    r"|\s+at \S{1,400}:\d+:\d+\s*$"
    r"|\s*\.\.\. \d+ (?:more|common frames)"
    r'|\s+File ".{1,400}", line \d+'  # Python
    r"|\s*Traceback \(most recent call last\)"
    r"|goroutine \d+ \["  # Go
    r"|\s*\S{1,400}\.go:\d+ \+0x"
    r"|\s*#\d+ +(?:0x[0-9a-f]+ )?.{0,200}(?:\(|:\d+)"  # gdb, PHP
)
_RAISED = re.compile(
    r"\s*(?:Caused by: |Exception in thread \"[^\"]{0,200}\" |Suppressed: )?"
    r"[A-Za-z_$][\w.$]{0,300}(?:Exception|Error|Timeout|Failure|Fault)(?:: |\s*$)"
)
_CODE = re.compile(r"(?:\s{4,}|\t)\S")
_LABEL = re.compile(r'\b([A-Za-z_][\w.-]{0,63})\s?(?:=~?|:)\s?"((?:[^"\\]|\\.){0,500})"')
_PAIR = re.compile(r"(?:^|[\s{,])([A-Za-z_][\w.-]{0,63})=([^\s\"{},=]{1,200})")
_LOGFMT = re.compile(r"(?:^|[\s{,\"])(?:level|lvl|msg|ts|severity_text|log\.level)\"?[=:]")
_EVENT = re.compile(r"\s*(?:\S{1,12}\s+)?(?:Warning|Normal)\s+[A-Z]\w+\s")  # kubectl get events
_FIRING = re.compile(r"\s*\[?(?:FIRING|RESOLVED|ALERT|PROBLEM|CRITICAL)(?::\d+)?\]?:?\s*", re.I)

_HEX = r"[0-9a-fA-F]"
_NOISE = re.compile(
    "|".join(
        (
            rf"(?<![\w-]){_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}(?![\w-])",  # UUID
            rf"\bsha(?:1|256|512):{_HEX}{{7,128}}\b",
            rf"(?<!\w)(?:{_HEX}{{2}}[:-]){{5}}{_HEX}{{2}}(?!\w)",  # MAC
            rf"(?<![\w.]){_ISO}(?!\w)",
            rf"(?<!\w){_MONTH} +\d{{1,2}} {_CLOCK}",
            rf"(?<![\w:.]){_CLOCK}(?![\w:])",
            r"(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2}|:\d{1,5})?(?![\w-])",  # IPv4
            rf"(?<![\w:])(?:{_HEX}{{1,4}}:){{3,7}}:?{_HEX}{{1,4}}(?![\w:])",  # IPv6
            r"(?<![\w.-])\d{9,}(?![\w-])",  # epochs, counters of bytes
            rf"(?<![\w-])0x{_HEX}{{9,16}}(?!\w)",  # pointers; shorter ones are error codes
            # Hashes: hexadecimal with a digit and a letter in it.
            r"(?<![\w-])(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{12,128}(?![\w-])",
            r"\[\d{1,7}\](?=:)",  # process ids
        )
    )
)
# The two hashes that a Deployment gives its pods: "orders-api-7d9f8b6c5-x2x4z". They are drawn
# from letters without vowels and digits without 0, 1, 3 (Kubernetes' rand.SafeEncodeString).
_POD = re.compile(
    r"(?<=[a-z0-9])-(?=[bcdf-hj-np-tv-z]*[2456789])[bcdf-hj-np-tv-z2456789]{8,10}"
    r"-[bcdf-hj-np-tv-z2456789]{5}(?![\w-])"
)

_ERRNO = frozenset(errno.errorcode.values())
# What stands before a number that is an error code.
_NUMBERED = (
    "errno|sqlstate|exit code|exit status|error code|error|http|status(?: code)?|code|event id"
)
_KEY = re.compile(
    "|".join(
        (
            # Exceptions with or without their package, as classes and as words.
            r"\b[A-Za-z_$][\w$.]*[\w$](?:Exception|Error|Failure|Fault|Timeout)\b",
            r"\b[a-z]+(?:_[a-z]+)*_(?:exception|error|timeout|failure)\b",
            r"\b[A-Z][A-Z0-9]{1,11}-\d{2,7}\b",  # ORA-00257, SQL-1040, AADSTS
            r"\b(?:AADSTS|TNS|NU|CS|TS|MSB)\d{4,6}\b",
            r"\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+\b",  # NT_STATUS_ACCESS_DENIED
            r"\b0x[0-9A-Fa-f]{4,8}\b",  # HRESULT, stop codes
            r"\bSIG(?:KILL|SEGV|TERM|ABRT|BUS|ILL|FPE|PIPE|HUP)\b",
            r"\bE[A-Z0-9]{3,14}\b",  # errno, held against the list
            r"\b[A-Z]\w{0,40}(?:BackOff|Killed|Unschedulable|Pressure|Evicted)\b",
            r"\b(?:Failed|Back)[A-Z]\w{2,40}\b",  # reasons of Kubernetes events
            (
                rf"(?<!\w)(?i:{_NUMBERED})[\s:=#(\[\"']{{1,3}}"
                r"(?P<number>[0-9][0-9A-Z]{1,5})\b(?![.,:]\d)"
            ),
        )
    )
)
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

# Labels and fields by which alerts and logs say what they are about (Prometheus, Kubernetes,
# OpenTelemetry's semantic conventions).
_NAMING = frozenset((
    "instance", "host", "hostname", "node", "nodename", "pod", "service", "app", "application",
    "job", "deployment", "statefulset", "daemonset", "container", "server", "device", "cluster",
    "service.name", "host.name", "db", "vm", "component",
))  # fmt: skip
_TELLING = ("alertname", "summary", "description", "message", "msg", "error", "err")


@lru_cache(maxsize=64)
def understand(text: str) -> IncidentText:
    """Take a text apart. Any text can be: what is not recognised is a sentence.

    Remembered: what searches, looks for names and tells why each ask it of one question.
    """
    readable = _LONG_RUN.sub(r"\1 ", text[:MAX_CHARACTERS])
    raw = [line for line in readable.splitlines() if line.strip()]
    parts = list(_parts(raw))
    labels = [
        label
        for part, line in zip(parts, raw, strict=True)
        if part in (Part.LABELS, Part.LOG)
        for label in _labels_of(line)
    ]
    lines = [(part, line) for part, line in zip(parts, map(without_noise, raw), strict=True)]
    return IncidentText(
        title=_title(parts, raw),
        lines=tuple((part, line) for part, line in lines if line),
        labels=tuple(labels),
        keys=_first(_keys(raw), MAX_KEYS),
        names=_first(_names(parts, raw, labels), MAX_NAMES),
    )


def _parts(lines: Iterable[str]) -> Iterator[Part]:
    before = Part.SENTENCE
    for line in lines:
        before = _part(line[:_LOOKED_AT], before)
        yield before


def _part(line: str, before: Part) -> Part:
    if _FRAME.match(line) or _RAISED.match(line):
        return Part.TRACE
    if before is Part.TRACE and _CODE.match(line):  # the line of source under a Python frame
        return Part.TRACE
    if _STAMP.match(line) or _LEVEL.match(line) or _EVENT.match(line) or _LOGFMT.search(line):
        return Part.LOG
    if _SYSLOG.match(line) and "[" in line[:80]:
        return Part.LOG
    labels = _labels_of(line)
    if len(labels) > 1 or (labels and _FIRING.match(line) and "=" in line):
        return Part.LABELS
    if labels and sum(len(name) + len(value) + 1 for name, value in labels) * 2 > len(line.strip()):
        return Part.LABELS
    return Part.SENTENCE


def _labels_of(line: str) -> list[tuple[str, str]]:
    quoted = [(match[1], match[2]) for match in _LABEL.finditer(line)]
    return quoted + [(match[1], match[2]) for match in _PAIR.finditer(line)]


def without_noise(line: str) -> str:
    """`line` without times, addresses, ids and the hashes of pods, on one line."""
    return " ".join(_POD.sub("", _NOISE.sub(" ", line)).split())


def _title(parts: list[Part], lines: list[str]) -> str:
    """The first line in words; of an alert its name and summary, of a trace what was raised."""
    if not lines:
        return ""
    line = _without_prefix(lines[0])
    if parts[0] is Part.TRACE:
        line = next((each for each in lines if _RAISED.match(each)), line)
    said = dict(_labels_of(lines[0])) if parts[0] in (Part.LABELS, Part.LOG) else {}
    told = [said[name] for name in _TELLING if said.get(name)]
    if parts[0] is Part.LABELS:
        line = _FIRING.sub("", line, count=1)
    title = without_noise(". ".join(told) or line) or without_noise(lines[0])
    return _HUMPS.sub(" ", title) or lines[0].strip()


def _without_prefix(line: str) -> str:
    """A log line without its time, host, program and level."""
    start = stamp.end() if (stamp := _STAMP.match(line)) else 0
    if start and (origin := _SYSLOG.match(line, start)):
        start = origin.end()
    if level := _LEVEL.match(line, start):
        start = level.end()
    return line[start:]


def _keys(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        for match in _KEY.finditer(line):
            found = match["number"] or match[0]
            if found[0] == "E" and found.isupper() and found.isalnum() and found not in _ERRNO:
                continue
            yield found


def _names(
    parts: Iterable[Part], lines: Iterable[str], labels: Iterable[tuple[str, str]]
) -> Iterator[str]:
    for name, value in labels:
        if name.casefold() in _NAMING:
            yield machine(value)
    for part, line in zip(parts, lines, strict=True):
        if part is Part.LOG and (stamp := _STAMP.match(line)):
            origin = _SYSLOG.match(line, stamp.end())
            if origin:
                yield machine(origin["host"])
                yield origin["program"].rpartition("/")[2]


def machine(name: str) -> str:
    """The name of what runs under `name`: no port, no hashes of a pod ("orders-api-7d9f-x2x4z")."""
    return _POD.sub("", name.rpartition("://")[2].partition("/")[0].partition(":")[0])


def _first(found: Iterable[str], limit: int) -> tuple[str, ...]:
    kept: dict[str, None] = {}
    for each in found:
        if each:
            kept[each] = None
            if len(kept) == limit:
                break
    return tuple(kept)
