"""Write the migration that the models still lack: `python -m tests.new_migration "add x to y"`."""

import sys
import tempfile
from pathlib import Path

from opsatlas.db import migrate
from opsatlas.db.engine import open_engine
from opsatlas.settings import Settings
from tests.models import METADATA


def main() -> None:
    """Upgrade an empty SQLite database and compare it with the models."""
    versions = Path(migrate.__file__).parent / "migrations" / "versions"
    number = len(list(versions.glob("[0-9]*.py"))) + 1
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(Settings(_env_file=None, data_dir=Path(folder)))
        if number > 1:
            migrate.upgrade(engine)
        migrate.write_migration(engine, METADATA, sys.argv[1], f"{number:04d}")
        engine.dispose()


if __name__ == "__main__":
    main()
