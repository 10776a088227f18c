"""Long work shows what it does, on standard error, with a rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli import terminal

Report = Callable[[int, int], None]
"""Told how many are done, and how many there are."""

_LINE_EVERY = 5.0
"""Seconds between two lines where standard error is no terminal."""


@contextmanager
def shown(title: str, unit: str) -> Iterator[Report]:
    """A bar in a terminal; elsewhere a line now and then."""
    begun = time.monotonic()

    def rate(done: int) -> str:
        return f"{done / max(time.monotonic() - begun, 1e-3):.0f} {unit}/s"

    if not terminal.stderr.is_terminal:
        said = begun

        def line(done: int, total: int) -> None:
            nonlocal said
            if done >= total or time.monotonic() - said >= _LINE_EVERY:
                said = time.monotonic()
                terminal.note(f"{title}: {done:,} of {total:,}, {rate(done)}")

        yield line
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=terminal.stderr, transient=True) as progress:
        task = progress.add_task(title, total=None, rate="")

        def bar(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, rate=rate(done))

        yield bar
