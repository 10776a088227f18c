"""Kubernetes' label selectors, once more, slow and obvious.

From "Labels and Selectors" of Kubernetes' documentation: all of `matchLabels` and all of
`matchExpressions` must hold; `NotIn` also holds where the label is missing.
"""

from collections.abc import Mapping
from typing import Any


def fits(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether Pods with these labels are meant."""
    for name, value in selector.get("matchLabels", {}).items():
        if name not in labels or labels[name] != value:
            return False
    for each in selector.get("matchExpressions", []):
        there = each["key"] in labels
        among = there and labels[each["key"]] in each.get("values", [])
        holds = {
            "In": among,
            "NotIn": not among,
            "Exists": there,
            "DoesNotExist": not there,
        }
        if not holds[each["operator"]]:
            return False
    return True
