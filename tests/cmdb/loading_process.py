"""A process that loads an inventory and can be killed: `python -m tests.cmdb.loading_process`."""

import sys
from pathlib import Path

from cmdb.importers.records import InputFile
from cmdb.load import load_parsed, parse
from cmdb.load_options import LoadLimits, LoadOptions
from opsatlas.actor import SYSTEM
from opsatlas.db.engine import open_engine
from opsatlas.db.transaction import transaction
from opsatlas.settings import Settings


def main(url: str, source: str, paths: list[str]) -> None:
    """Say "loading" once the unit of work is open and "done" once it is committed."""
    engine = open_engine(Settings(_env_file=None, database_url=url))
    options, limits = LoadOptions(source=source), LoadLimits()
    files = [InputFile(Path(each).name, Path(each).read_bytes()) for each in paths]
    parsed = parse(files, options, limits)
    with transaction(engine) as session:
        sys.stdout.write("loading\n")
        sys.stdout.flush()
        load_parsed(session, parsed, options, SYSTEM, limits)
    sys.stdout.write("done\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
