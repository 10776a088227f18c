"""When a source is pulled: every so often, or once a day at a time (UTC)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

_SPAN = re.compile(r"([1-9][0-9]{0,4})\s*([mhd])")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Schedule:
    """One of the two."""

    every: timedelta | None = None
    daily_at: time | None = None

    @classmethod
    def read(cls, text: str) -> "Schedule":
        """From `30m`, `6h`, `7d` or `02:30`. Raises ValueError."""
        found = _TIME.fullmatch(text.strip())
        if found:
            return cls(daily_at=time(int(found[1]), int(found[2])))
        try:
            return cls(every=span(text))
        except ValueError as error:
            raise ValueError(f"{error}, nor a time such as 02:30") from None

    def next_run(self, last: datetime | None, moment: datetime) -> datetime:
        """When the run after the one that began at `last` is due; at `moment` where there was
        none."""
        if last is None:
            return moment
        if self.every is not None:
            return last + self.every
        day = datetime.combine(last.date(), self.daily_at or time(), UTC)
        return day if day > last else day + timedelta(days=1)


def span(text: str) -> timedelta:
    """A length of time from `30m`, `6h` or `7d`. Raises ValueError."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no span such as 30m, 6h or 7d")
    return int(found[1]) * _UNITS[found[2]]
