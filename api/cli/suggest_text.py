"""Suggestions for people: what to do first, then why it is believed to help."""

from __future__ import annotations

from collections.abc import Iterator

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from api.cli.terminal import plain, stdout
from kb.suggest_schemas import Suggestion, SuggestionAnswer, Verdict

_VERDICTS = {
    Verdict.MATCH: ("This has happened before", "bold green"),
    Verdict.WEAK: ("Perhaps related; check before you act on it", "bold yellow"),
    Verdict.NO_MATCH: ("No known match: this looks new", "bold cyan"),
}
_NOTICES = {
    "model_warming_up": "the model is still being loaded: compared by words only",
    "model_unavailable": "the model is not available: compared by words only",
    "model_disabled": "the model is switched off: compared by words only",
    "index_rebuilding": "much has changed just now: the newest records may be missing",
    "text_shortened": "the text is long: its most telling lines were compared",
}
_SHOWN_INCIDENTS = 6
_MOST_LINES = 12
_INDENT = 3
_LABEL_WIDTH = 10
_MARK = "bold underline"


def show(answer: SuggestionAnswer, *, lexical: bool = False) -> None:
    """The verdict, then the suggestions, best first."""
    said, style = _VERDICTS[answer.verdict]
    sure = f" ({answer.confidence:.0%} sure)"
    no_match = answer.verdict is Verdict.NO_MATCH
    stdout.print(Text(said, style=style).append("" if no_match else sure, "not bold"))
    for notice in answer.notices:
        told = _NOTICES.get(notice, notice)
        if lexical and notice.startswith("model_"):
            told = "compared by words only, as asked"
        stdout.print(plain(f"Note: {told}.", "dim"))
    if answer.duplicates:
        _show_open(answer)
    if no_match and answer.suggestions:
        # What does not help must not look like help.
        stdout.print("The nearest records, which are most likely about something else:")
    for suggestion in answer.suggestions:
        stdout.print()
        _show_head(suggestion)
        if not no_match:
            _show_help(suggestion)


def _show_open(answer: SuggestionAnswer) -> None:
    """The open incidents that are probably the same trouble, the first of them by name."""
    first = answer.duplicate_of or answer.duplicates[0].number
    others = [each.number for each in answer.duplicates if each.number != first]
    told = ", ".join(others[:_SHOWN_INCIDENTS])
    more = len(others) - _SHOWN_INCIDENTS
    also = f", and {told}" if others else ""
    also += f" and {more} more" if more > 0 else ""
    stdout.print(plain(f"Open already, probably the same trouble: {first}{also}.", "bold"))


def _show_head(suggestion: Suggestion) -> None:
    head = Table.grid(padding=(0, 1, 0, 0))
    head.add_column(style="bold", min_width=_INDENT - 1)
    head.add_column(overflow="fold")
    title = Text().append_text(plain(f"{suggestion.id} ", "bold cyan"))
    title.append_text(plain(" ".join(suggestion.title.split()), "bold"))
    kind = suggestion.kind.replace("_", " ")
    title.append_text(plain(f"\n{kind}, {suggestion.confidence:.0%} likely to help", "dim"))
    head.add_row(f"{suggestion.rank}.", title)
    stdout.print(head)


def _show_help(suggestion: Suggestion) -> None:
    """Doubts, what to do now, what removes the cause, why; texts stand beside their names."""
    parts = Table.grid(padding=(0, 1, 0, 0))
    parts.add_column(style="bold", width=_LABEL_WIDTH)
    parts.add_column(overflow="fold")
    for name, text in _parts(suggestion):
        parts.add_row(name, text)
    stdout.print(Padding(parts, (0, 0, 0, _INDENT)))


def _parts(suggestion: Suggestion) -> Iterator[tuple[str, Text]]:
    for caveat in suggestion.evidence.caveats:
        yield "Caution", plain(f"{caveat.text[:1].upper()}{caveat.text[1:]}.", "yellow")
    if suggestion.workaround:
        yield "Workaround", _body(suggestion.workaround)
    if suggestion.fix:
        yield "Fix", _body(suggestion.fix)
    yield "Why", plain(suggestion.why)
    if suggestion.excerpt and not _told_already(suggestion):
        yield "It says", marked(suggestion.excerpt, suggestion.highlights)
    if suggestion.incidents:
        shown = ", ".join(suggestion.incidents[:_SHOWN_INCIDENTS])
        more = len(suggestion.incidents) - _SHOWN_INCIDENTS
        yield "Incidents", plain(shown + (f" and {more} more" if more > 0 else ""))


def marked(text: str, highlights: list[tuple[int, int]]) -> Text:
    """`text` with its highlights set off; a server's offsets that do not fit are left out."""
    made = Text()
    at = 0
    for start, end in highlights:
        if at <= start < end <= len(text):
            made.append_text(plain(text[at:start])).append_text(plain(text[start:end], _MARK))
            at = end
    return made.append_text(plain(text[at:]))


def _told_already(suggestion: Suggestion) -> bool:
    """Whether the passage is part of what is shown above it."""
    above = " ".join(f"{suggestion.workaround} {suggestion.fix}".split())
    return suggestion.excerpt.strip("… ") in above


def _body(text: str) -> Text:
    lines = text.strip().splitlines()
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"… ({len(lines) - _MOST_LINES} more lines)"]
    return plain("\n".join(lines))
