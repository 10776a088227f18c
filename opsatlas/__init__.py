"""The ground of OpsAtlas: settings, database, revisions, jobs, audit, errors, clock."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("opsatlas")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0.0.0+source"
