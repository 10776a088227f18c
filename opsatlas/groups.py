"""Groups of people that may read something: their names, and how a set of them is kept.

A set of groups is kept as one text, its *audience*: a JSON list of the names in their order, so
that equal sets are equal texts and any name is told apart from a list of two. The empty set is the
empty text and means everyone.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

EVERYONE = ""
"""The audience of what nobody is kept from."""

UNGROUPED: frozenset[str] = frozenset()
"""Whoever is in no group: reads what is there for everyone, and nothing else."""


def audience_of(groups: Iterable[str]) -> str:
    """The one text for a set of groups."""
    names = sorted(set(groups))
    return json.dumps(names, ensure_ascii=False) if names else EVERYONE


@lru_cache(maxsize=4096)
def groups_of(audience: str) -> frozenset[str]:
    """The groups that an audience names; none for everyone."""
    return frozenset(json.loads(audience)) if audience else UNGROUPED


def may_read(audience: str, groups: frozenset[str] | None) -> bool:
    """Whether a reader in `groups` is among an audience; None stands for one who reads all."""
    return groups is None or audience == EVERYONE or not groups.isdisjoint(groups_of(audience))


_NAME = re.compile(r"\w[\w .@:/+-]{0,63}")
_MOST = 50


def _folded(name: str) -> str:
    """The name as it is compared: in any case, with single spaces."""
    folded = unicodedata.normalize("NFC", " ".join(name.split()).casefold())
    if not _NAME.fullmatch(folded):
        raise PydanticCustomError(
            "group_name",
            "{name} is no name of a group: 1 to 64 letters, digits, spaces and . _ @ : / + -",
            {"name": repr(name[:80])},
        )
    return folded


def _none(value: Any) -> Any:
    return [] if value is None else value


GroupName = Annotated[str, AfterValidator(_folded)]
"""The name of a group, the same in any case: `payments-oncall`."""
GroupNames = Annotated[
    list[GroupName],
    BeforeValidator(_none),
    Field(max_length=_MOST),
    AfterValidator(lambda names: sorted(set(names))),
]
"""A set of groups, in order; null is none."""
