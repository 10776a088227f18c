"""The plan of a dry run for people: each change with its fields, and the services touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from api.cli.terminal import plain, stdout

_SHOWN_CHANGES = 40
_SHOWN_SERVICES = 15
_SIGNS = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "merge": ("=", "cyan"),
    "retire": ("-", "red"),
    "remove": ("-", "red"),
    "review": ("?", "magenta"),
}


def show(plan: Mapping[str, Any]) -> None:
    """What would change, at most so much as a terminal holds."""
    changes = plan["changes"]
    for change in changes[:_SHOWN_CHANGES]:
        for line in _lines(change):
            stdout.print(line, soft_wrap=True)
    hidden = plan["changes_count"] - min(len(changes), _SHOWN_CHANGES)
    if hidden > 0:
        stdout.print(plain(f"… and {hidden:,} more changes; --json or --save-plan lists", "dim"))
    services = plan["services"]
    if services:
        stdout.print()
        stdout.print(f"{len(services):,} services would stand on something else than before:")
        for each in services[:_SHOWN_SERVICES]:
            stdout.print(plain(f"  {each['name']} ({_class(each)}), through {each['through']}"))
        if len(services) > _SHOWN_SERVICES:
            stdout.print(plain(f"  … and {len(services) - _SHOWN_SERVICES:,} more", "dim"))


def _lines(change: Mapping[str, Any]) -> Iterator[Text]:
    sign, style = _SIGNS[change["action"]]
    about = f" ({change['ci_class']})" if change["ci_class"] else ""
    line = Text(f"{sign} {change['action']} ", style=style)
    yield line.append_text(plain(f"{change['name']}{about}", "not bold"))
    if change["reasons"]:
        yield plain(f"    because of {'; '.join(change['reasons'])}", "dim")
    if change["action"] == "create":
        return
    for name, (before, after) in change["fields"].items():
        yield plain(f"    {name}: {_value(before)} → {_value(after)}", "dim")


def _class(service: Mapping[str, Any]) -> str:
    rank = service["criticality"]
    return str(service["ci_class"]).replace("_", " ") + (f", criticality {rank}" if rank else "")


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return ", ".join(_value(each) for each in value) or "nothing"
    if isinstance(value, Mapping):
        return " ".join(str(each) for each in value.values())
    return str(value)
