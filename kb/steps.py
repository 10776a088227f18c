"""The part of an article that says what to do."""

import re
from collections.abc import Collection
from dataclasses import dataclass

MAX_CHARACTERS = 1_500

_HEADING = re.compile(r"^#{1,6}[ \t]+(\S.*)")
_FENCE = re.compile(r"^\s*(```|~~~)")
_STEP = re.compile(r"^\s*(?:\d+[.)]|[-*+])\s+\S")
_CODE = re.compile(r"^(?: {4,}|\t|\s*(?:```|~~~))\S?|`[^`]+`")
_TELLS = re.compile(
    r"\b(?:steps?|workaround|fix|repair|remedy|procedure|resol\w+|recover\w*|mitigat\w+|measures?"
    r"|actions?|switch|restart|clear|what to do|do this|first aid|solution)\b",
    re.IGNORECASE,
)
_DOES_NOT = re.compile(
    r"\b(?:escalat\w+|pitfalls?|verif\w+|timeline|what (?:it looks like|happened|went)|symptoms?"
    r"|lessons?|background|why|who|signs?|recogni[sz]e|don'?t|do not|mistakes?|afterwards)\b",
    re.IGNORECASE,
)


@dataclass(slots=True)
class _Section:
    heading: str
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines).strip()

    def worth(self, terms: Collection[str]) -> float:
        """How much it reads like instructions on `terms`: by heading, steps, commands, words."""
        steps = sum(bool(_STEP.match(line)) for line in self.lines)
        code = sum(bool(_CODE.search(line)) for line in self.lines)
        said = 6.0 * bool(_TELLS.search(self.heading)) - 6.0 * bool(_DOES_NOT.search(self.heading))
        folded = self.text.casefold()
        on_subject = sum(term.casefold() in folded for term in terms)
        return said + min(steps, 6) + min(code, 6) / 2 + min(on_subject, 4)


def steps(body: str, terms: Collection[str] = ()) -> str:
    """The section of a Markdown `body` that reads most like instructions, with its heading.

    `terms` are words of the question: of several such sections the one about them is meant.

    Empty where the article has none; cut at a line's end where it is long.
    """
    sections = [section for section in _sections(body) if section.text]
    best = max(sections, key=lambda section: section.worth(terms), default=None)
    if best is None or best.worth(()) <= 0:
        return ""
    return _cut(f"{best.heading}\n{best.text}".strip())


def _sections(body: str) -> list[_Section]:
    sections = [_Section("", [])]
    fenced = False
    for line in body.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        heading = None if fenced else _HEADING.match(line)
        if heading:
            # Not by the pattern: it would look back over every run of blanks in the line.
            said = heading[1].rstrip().rstrip("#").rstrip()
            sections.append(_Section(said, []))
        else:
            sections[-1].lines.append(line)
    return sections


def _cut(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    kept = text[:MAX_CHARACTERS]
    return kept[: kept.rfind("\n") + 1 or MAX_CHARACTERS].rstrip() + "\n…"
