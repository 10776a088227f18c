"""A process that loads spoilt files and may end by them, run as a module.

It is bounded in memory and, a file, in time; the test that starts it sees which file it was.
"""

import faulthandler
import json
import os
import resource
import signal
import sys
import time
import traceback
from typing import Any

from sqlalchemy import Engine

from cmdb.load import load_parsed, parse
from cmdb.load_options import LoadLimits, LoadOptions
from cmdb.schemas import ImportReport
from cmdb.source_mappings import AdminMapping
from opsatlas.actor import SYSTEM
from opsatlas.db.engine import open_engine
from opsatlas.db.transaction import reading, transaction
from opsatlas.errors import OpsAtlasError
from opsatlas.settings import Settings
from tests.cmdb.nasty.classics import CLASSICS
from tests.cmdb.nasty.generators import Case, case

MEMORY = 512 * 1024 * 1024
"""Bytes of address space beside what the process has when it starts."""
CPU_SECONDS = 5
WALL_SECONDS = 60
"""A workbook is read in a process of its own, which has limits of its own; so wait."""


def main(url: str, how: str, names: list[str]) -> None:
    """Load cases, by their numbers, and classics, by their names: `how` is `dry_run`, `partial` (a
    dry run that leaves bad records out) or `load`, which leaves them out, too.

    Says a JSON object before each, `{"begun": name}`, and one after it, what came of it.
    """
    faulthandler.enable()
    engine = open_engine(Settings(_env_file=None, database_url=url))
    with reading(engine):  # what is imported late counts as what the process has
        case(0)
    _bound_memory()
    for name in names:
        each = case(int(name)) if name.isdecimal() else CLASSICS[name].case()
        _say({"begun": name, "name": each.name})
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)
        begun = time.process_time()
        outcome = _outcome(engine, each, f"nasty {name}", how)
        seconds = time.process_time() - begun
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _say({"case": name, "name": each.name, "seconds": round(seconds, 3), **outcome})
    engine.dispose()


def _bound_memory() -> None:
    with open("/proc/self/statm") as file:  # noqa: PTH123
        pages = int(file.read().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _outcome(engine: Engine, each: Case, source: str, how: str) -> dict[str, Any]:
    try:
        report = _load(engine, each, source, how)
    except OpsAtlasError as error:
        return {"refused": str(error), "code": error.code}
    except BaseException:
        return {"raised": traceback.format_exc()}
    return {"report": report.model_dump(mode="json", exclude={"took_ms"})}


def _load(engine: Engine, each: Case, source: str, how: str) -> ImportReport:
    mapping = AdminMapping.read(each.mapping) if each.mapping else None
    options = LoadOptions(
        source=source,
        format=each.format,
        dry_run=how != "load",
        partial=how != "dry_run",
        mapping=mapping,
    )
    limits = LoadLimits()
    parsed = parse(each.files, options, limits)
    with (reading if options.dry_run else transaction)(engine) as session:
        return load_parsed(session, parsed, options, SYSTEM, limits)


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what, ensure_ascii=False) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
