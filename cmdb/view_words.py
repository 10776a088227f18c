"""How the formats of a view call things: labels of folds and relationships, characters."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cmdb.view_schemas import PlaceId, ViewEdge, ViewFold

_WHERE = {"children": "", "beneath": " beneath", "further": " further on"}


def words(name: str) -> str:
    """`business_service`, `at_risk`: as people say it."""
    return name.replace("_", " ")


def key_of(place: PlaceId) -> str:
    """A place as an identifier that every format takes: `ci42`, `fold1`."""
    return f"ci{place}" if isinstance(place, int) else place.replace("-", "")


def fold_words(fold: ViewFold) -> str:
    """`37 × container beneath (2 down)`."""
    counted = f"{fold.count:,} × {words(fold.ci_class)}{_WHERE[fold.kind]}"
    return f"{counted} ({counts_words(fold.states)})" if fold.states else counted


def counts_words(counts: Mapping[str, int]) -> str:
    """`2 down, 1 at risk`."""
    return ", ".join(f"{count:,} {words(name)}" for name, count in counts.items())


def edge_words(edge: ViewEdge) -> str:
    """`runs_on (vms, 1 of 2 must be up)`."""
    parts = [edge.type] if edge.type else []
    if edge.count > 1:
        parts.append(f"{edge.count:,} ×")
    if edge.kind == "optional":
        parts.append("optional")
    elif edge.group is not None:
        parts.append(f"({edge.group}, {need_words(edge)})")
    elif edge.kind == "redundancy":
        parts.append("in groups")
    return " ".join(parts)


def need_words(edge: ViewEdge) -> str:
    """`1 of 2 must be up`."""
    return f"{edge.min_up} of {edge.members} must be up"


def drawable(text: str) -> str:
    """The text without what XML and drawings cannot hold: a control character becomes its picture,
    what is no character becomes U+FFFD; line breaks and tabs stay."""
    return _NO_CHARACTERS.sub("\N{REPLACEMENT CHARACTER}", text.translate(_PICTURES))


_PICTURES = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n\r"}
_NO_CHARACTERS = re.compile("[\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
