"""Whether what a suggestion says still holds: its CIs exist, nothing replaced it, no change that it
rests on was taken back."""

import re
from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from cmdb.models import ConfigurationItem, LifecycleStatus
from kb.candidates import Candidate
from kb.chunks import chunks
from kb.field_types import ChangeStatus, KnownErrorStatus
from kb.models import Change, RecordKind
from kb.suggest_schemas import Caveat

OUTDATED = 0.8
"""What the score of a suggestion is multiplied with where it probably holds no more. Ours: no set
judges outdated records; a fifth less puts it behind its equals that hold, not out of sight."""


class CaveatCode(StrEnum):
    """Reasons to doubt a suggestion."""

    CI_RETIRED = "ci_retired"
    SUPERSEDED = "superseded"
    CHANGE_REVERTED = "change_reverted"
    CAUSE_REMOVED = "cause_removed"
    """Its known error is resolved. That is no fault of the suggestion: symptoms that are back mean
    that the fix does not hold, or does not reach here."""


_COSTS = frozenset((CaveatCode.CI_RETIRED, CaveatCode.SUPERSEDED, CaveatCode.CHANGE_REVERTED))

_SENTENCE = re.compile(r"[^.;!?\n]+(?:[.;!?](?=\S)[^.;!?\n]*)*")
_TAKEN_BACK = re.compile(
    r"revert|roll(?:ed|ing)?[ -]?back|back(?:ed|ing)?[ -]?out|undo|undone|taken back|turned back"
    r"|withdr[ae]w|zur[uü]ck|r[uü]ckg[aä]ngig|annul|retour en arri[eè]re",
    re.IGNORECASE,
)
"""Where it stands beside a change's number the text says itself that the change is no more, and
taking it back may be the very remedy."""
_NAMED = re.compile(r"\b[A-Za-z]{2,16}(?:[-_.:]?[0-9]{1,16})+\b")
"""What may be the number of a change: letters, then digits ("CHG-0012", "CHG0030012")."""
_TOLD = 3
"""Numbers and names that one caveat lists."""


def caveats(session: Session, candidates: Collection[Candidate]) -> dict[str, list[Caveat]]:
    """The reasons to doubt each of `candidates`, by number; a fixed number of queries."""
    retired = _retired(session, candidates)
    named = {each.number: _NAMED.findall(f"{each.workaround}\n{each.fix}") for each in candidates}
    reverted = _reverted(session, {number for numbers in named.values() for number in numbers})
    found: dict[str, list[Caveat]] = {}
    for each in candidates:
        gone = reverted.intersection(named[each.number])
        broken = [number for number in gone if rests_on(number, each.workaround, each.fix)]
        found[each.number] = list(_of(each, retired, broken))
    return found


def factor(doubts: Iterable[Caveat]) -> float:
    """What the score is multiplied with; several doubts cost no more than one."""
    return OUTDATED if any(doubt.code in _COSTS for doubt in doubts) else 1.0


def rests_on(change: str, *texts: str) -> bool:
    """Whether a change is part of the remedy that the texts describe and not undone by it: "fixed
    by CHG-0012", and not "CHG-0012 was reverted"."""
    return any(
        change in _NAMED.findall(sentence) and not _TAKEN_BACK.search(sentence)
        for text in texts
        for sentence in _SENTENCE.findall(text)
    )


def _of(
    each: Candidate,
    retired: Collection[int],
    reverted: Iterable[str],
) -> Iterable[Caveat]:
    if each.superseded_by:
        yield Caveat(
            code=CaveatCode.SUPERSEDED,
            text=f"it was superseded by {_listed(each.superseded_by)}",
        )
    if each.cis and all(ci_id in retired for ci_id in each.cis.values()):
        names = _listed(list(each.cis))
        verb = "is" if len(each.cis) == 1 else "are"
        yield Caveat(code=CaveatCode.CI_RETIRED, text=f"{names} {verb} retired")
    if numbers := sorted(reverted):
        verb = "was" if len(numbers) == 1 else "were"
        yield Caveat(
            code=CaveatCode.CHANGE_REVERTED,
            text=f"it rests on {_listed(numbers)}, which {verb} reverted",
        )
    if each.kind is RecordKind.KNOWN_ERROR and each.status == KnownErrorStatus.RESOLVED:
        yield Caveat(
            code=CaveatCode.CAUSE_REMOVED,
            text="its cause counts as removed: if this is it, the fix failed or is missing here",
        )


def _retired(session: Session, candidates: Iterable[Candidate]) -> set[int]:
    ids = {ci_id for each in candidates for ci_id in each.cis.values() if ci_id is not None}
    return {
        ci_id
        for chunk in chunks(ids)
        for ci_id in session.scalars(
            select(ConfigurationItem.id).where(
                ConfigurationItem.id.in_(chunk),
                ConfigurationItem.status == LifecycleStatus.RETIRED,
            )
        )
    }


def _reverted(session: Session, numbers: Iterable[str]) -> set[str]:
    return {
        number
        for chunk in chunks(numbers)
        for number in session.scalars(
            select(Change.number).where(
                Change.number.in_(chunk), Change.status == ChangeStatus.REVERTED.value
            )
        )
    }


def _listed(names: Sequence[str]) -> str:
    if len(names) > _TOLD:
        names = [*names[: _TOLD - 1], f"{len(names) - _TOLD + 1} more"]
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
