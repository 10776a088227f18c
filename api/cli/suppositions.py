"""Suppositions as people write them on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.cli.failures import UsageError

_ARROW = "->"


def supposition(
    fail: Sequence[str] | None,
    restore: Sequence[str] | None,
    remove: Sequence[str] | None,
    add: Sequence[str] | None,
) -> dict[str, Any]:
    """`what_if` of the API; empty where nothing is supposed. Raises UsageError."""
    said = {
        "fail": list(fail or ()),
        "restore": list(restore or ()),
        "remove_relationships": [_ends(each, "--what-if-remove") for each in remove or ()],
        "add_relationships": [_relationship(each) for each in add or ()],
    }
    return {name: value for name, value in said.items() if value}


def _relationship(said: str) -> dict[str, str]:
    found = _ends(said, "--what-if-add")
    if not found["provider"].endswith("?"):
        return found
    provider = found["provider"].removesuffix("?").strip()
    return {**found, "provider": provider, "dependency": "optional"}


def _ends(said: str, option: str) -> dict[str, str]:
    parts = [part.strip() for part in said.split(_ARROW)]
    if len(parts) != len(("dependent", "provider")) or not all(parts):
        raise UsageError(
            f"{option}: {said!r} is no relationship",
            hint="'DEPENDENT -> PROVIDER', in quotes: the dependent needs the provider",
        )
    return {"dependent": parts[0], "provider": parts[1]}
