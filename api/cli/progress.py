"""Long work shows what it does, on standard error, with a rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli import terminal

Report = Callable[[int, int], None]
"""Told how many are done, and how many there are."""
PhaseReport = Callable[[str, int, int | None], None]
"""Told what is being done, how many are done, and how many there are; None: not known yet."""

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
    with _bar() as progress:
        task = progress.add_task(title, total=None, rate="")

        def bar(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, rate=rate(done))

        yield bar


@contextmanager
def phases(title: str, unit: str) -> Iterator[PhaseReport]:
    """The same for work that has several phases, each with its own count and rate."""
    now, begun = "", time.monotonic()

    def rate(phase: str, done: int) -> str:
        nonlocal now, begun
        if phase != now:
            now, begun = phase, time.monotonic()
        return f"{done / max(time.monotonic() - begun, 1e-3):,.0f} {unit}/s"

    if not terminal.stderr.is_terminal:
        said = begun

        def line(phase: str, done: int, total: int | None) -> None:
            nonlocal said
            speed = rate(phase, done)
            if time.monotonic() - said >= _LINE_EVERY:
                said = time.monotonic()
                of = "" if total is None else f" of {total:,}"
                terminal.note(f"{title}: {phase}, {done:,}{of} {unit}, {speed}")

        yield line
        return
    with _bar() as progress:
        task = progress.add_task(title, total=None, rate="")

        def bar(phase: str, done: int, total: int | None) -> None:
            if phase != now:
                progress.reset(task, description=f"{title}: {phase}", total=total, rate="")
            progress.update(task, completed=done, total=total, rate=rate(phase, done))

        yield bar


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=terminal.stderr,
        transient=True,
    )
