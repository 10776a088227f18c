"""An instruction as the subject of a sentence: "Restart the pool, then …" -> "restarting the pool".

Only instructions that begin with a verb which is listed here are understood; of all others nothing
is said.
"""

import re

_VERBS = (
    "add", "apply", "block", "clean", "clear", "close", "correct", "delete", "detach", "disable",
    "disconnect", "drain", "drop", "empty", "enable", "expire", "extend", "fail", "flush", "free",
    "increase", "install", "kill", "lower", "mount", "move", "pause", "pin", "power", "press",
    "promote", "purge", "raise", "reboot", "rebuild", "recreate", "reduce", "refresh", "reload",
    "remove", "renew", "replace", "resend", "reset", "resize", "restart", "restore", "resume",
    "revert", "roll", "rotate", "scale", "set", "start", "stop", "switch", "terminate", "truncate",
    "unblock", "uninstall", "unmount", "update", "upgrade", "vacuum", "wait",
)  # fmt: skip
_DOUBLED = frozenset(("drop", "pin", "reset", "set", "stop"))
"""Verbs whose last letter is written twice before -ing."""

# One line of words without a sign that ends or interrupts the clause.
_CLAUSE = re.compile(r"(?:\d+[.)]|[-*])?\s*([A-Za-z]+)((?: [\w./@-]*\w)*)(?=\s*(?:[,.;:(\n]|$)| -)")
_LONGEST = 8
"""Words that still read well inside a sentence."""
_OPEN = frozenset((
    "a", "an", "and", "at", "by", "for", "from", "if", "in", "into", "of", "on", "or", "the",
    "then", "to", "until", "when", "which", "while", "with",
))  # fmt: skip
"""Words after which something is missing."""


def deed(instruction: str) -> str | None:
    """What the first clause of `instruction` has one do, beginning with the verb's -ing form."""
    clause = _CLAUSE.match(instruction.strip())
    if clause is None or (verb := clause[1].lower()) not in _VERBS:
        return None
    rest = clause[2].split()
    if not rest or len(rest) >= _LONGEST or rest[-1].casefold() in _OPEN:
        return None
    return " ".join((_ing(verb), *rest))


def _ing(verb: str) -> str:
    if verb in _DOUBLED:
        verb += verb[-1]
    elif verb.endswith("e") and not verb.endswith(("ee", "oe")):
        verb = verb[:-1]
    return f"{verb}ing"
