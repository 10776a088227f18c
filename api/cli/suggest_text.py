"""Suggestions for people: what to do first, then why it is believed to help."""

from __future__ import annotations

from rich.padding import Padding
from rich.text import Text

from api.cli.terminal import plain, stdout
from kb.suggest_schemas import Evidence, Suggestion, SuggestionAnswer, Verdict

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
    "text_shortened": "the text is long: only its beginning was compared",
}
_SHOWN_INCIDENTS = 6
_SHOWN_TERMS = 8
"""The rarest words come first."""
_MOST_LINES = 12
_ALIKE = 0.5
"""From this cosine on we say that two texts mean something alike."""


def show(answer: SuggestionAnswer, *, lexical: bool = False) -> None:
    """The verdict, then the suggestions, best first."""
    said, style = _VERDICTS[answer.verdict]
    stdout.print(Text(said, style=style).append(f" ({answer.confidence:.0%} sure)", "not bold"))
    for notice in answer.notices:
        told = _NOTICES.get(notice, notice)
        if lexical and notice.startswith("model_"):
            told = "compared by words only, as asked"
        stdout.print(plain(f"Note: {told}.", "dim"))
    if answer.verdict is Verdict.NO_MATCH and answer.suggestions:
        # What does not help must not look like help.
        stdout.print("The nearest records, which are most likely about something else:")
    for suggestion in answer.suggestions:
        stdout.print()
        _show_head(suggestion)
        if answer.verdict is not Verdict.NO_MATCH:
            _show_help(suggestion)


def _show_head(suggestion: Suggestion) -> None:
    head = Text(f"{suggestion.rank}. ", style="bold")
    head.append_text(plain(f"{suggestion.id} ", "bold cyan"))
    head.append_text(plain(" ".join(suggestion.title.split()), "bold"))
    stdout.print(head)
    kind = suggestion.kind.replace("_", " ")
    stdout.print(
        Padding(plain(f"{kind}, confidence {suggestion.confidence:.0%}", "dim"), (0, 0, 0, 3))
    )


def _show_help(suggestion: Suggestion) -> None:
    """The workaround, the fix, the evidence."""
    told = suggestion.workaround or suggestion.fix
    if suggestion.workaround:
        _part("Workaround", suggestion.workaround)
    if suggestion.fix:
        _part("Fix", suggestion.fix)
    if not told and suggestion.excerpt:
        _part("It says", suggestion.excerpt)
    _part("Why", "; ".join(evidence_in_words(suggestion.evidence)))
    if suggestion.incidents:
        shown = ", ".join(suggestion.incidents[:_SHOWN_INCIDENTS])
        more = len(suggestion.incidents) - _SHOWN_INCIDENTS
        _part("Incidents", shown + (f" and {more} more" if more > 0 else ""))


def evidence_in_words(evidence: Evidence) -> list[str]:
    """The signals behind a suggestion as a reader would say them, the strongest kind first."""
    told: list[str] = []
    if evidence.semantic is None:
        told.append("meaning not compared")
    else:
        close = "alike in meaning" if evidence.semantic >= _ALIKE else "little alike in meaning"
        told.append(f"{close} ({evidence.semantic:.2f})")
    if evidence.matched_terms:
        told.append("has the words " + ", ".join(evidence.matched_terms[:_SHOWN_TERMS]))
    near = evidence.nearest_ci
    if near is not None:
        steps = f"{near.hops} step{'s' if near.hops > 1 else ''} from here"
        told.append(f"about {near.name}" + (f", {steps}" if near.hops else " itself"))
    if evidence.solved or evidence.not_helped:
        tried = evidence.solved + evidence.not_helped
        told.append(f"helped {evidence.solved} of {tried} times")
    if evidence.last_used is not None:
        told.append(f"last used {evidence.last_used:%Y-%m-%d}")
    return told


def _part(name: str, text: str) -> None:
    body = plain(_shortened(text.strip()))
    label = Text(f"{name}: ", style="bold")
    stdout.print(Padding(label.append_text(Text("", "not bold").append_text(body)), (0, 0, 0, 3)))


def _shortened(text: str) -> str:
    lines = text.splitlines()
    if len(lines) <= _MOST_LINES:
        return text
    return "\n".join(lines[:_MOST_LINES]) + f"\n… ({len(lines) - _MOST_LINES} more lines)"
