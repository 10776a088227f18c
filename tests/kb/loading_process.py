"""A process that loads files and is killed by its test: `URL FILE…`; says when it is writing."""

import sys
import time
from pathlib import Path

from cmdb.importers.records import InputFile
from kb import loads
from kb.loads import load
from opsatlas.actor import local_admin
from opsatlas.db.engine import open_engine
from opsatlas.db.transaction import transaction
from opsatlas.settings import Settings


def main() -> None:
    """Load, and stop for good between the records and the feedback."""
    url, *names = sys.argv[1:]

    def stall(*_arguments: object) -> None:
        sys.stdout.write("writing\n")
        sys.stdout.flush()
        time.sleep(600)

    setattr(loads, "store_feedback", stall)  # noqa: B010 - not theirs to export
    engine = open_engine(Settings(_env_file=None, database_url=url))
    files = [InputFile(name, Path(name).read_bytes()) for name in names]
    with transaction(engine) as session:
        load(session, local_admin(), files)


if __name__ == "__main__":
    main()
