"""One first run of `opsatlas demo`, which loads and encodes the seed company, for all who need it.

Encoding takes most of a minute of a processor. The process of the tests that comes first does it
for the others, which wait.
"""

import fcntl
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(sys.executable).with_name("opsatlas")


@dataclass(frozen=True)
class DemoRun:
    """Where the demo ran and what it printed. Copy `data` to work on it."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "demo-data"

    @property
    def out(self) -> str:
        return (self.folder / "out").read_text("utf-8")

    @property
    def err(self) -> str:
        return (self.folder / "err").read_text("utf-8")


def demo_run(folder: Path) -> DemoRun:
    """That of `folder`; made now, unless it has been made or is being made."""
    folder.mkdir(exist_ok=True)
    done = folder / "done"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # freed with the file, however this process ends
        if not done.exists():
            _run(folder)
            done.touch()
    return DemoRun(folder)


def without_settings() -> dict[str, str]:
    """The environment of the tests without settings of OpsAtlas."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OPSATLAS_")}


def demo_environment() -> dict[str, str]:
    """That of a user without settings, with `opsatlas` on the path, at 80 columns."""
    kept = without_settings()
    return {**kept, "PATH": f"{SCRIPT.parent}:{kept['PATH']}", "COLUMNS": "80", "NO_COLOR": "1"}


def _run(folder: Path) -> None:
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        subprocess.run(
            [SCRIPT, "demo"],
            cwd=folder,
            env=demo_environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            timeout=600,
            check=True,
        )
