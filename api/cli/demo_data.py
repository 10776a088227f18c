"""The demo's own installation: the seed company in a folder of its own, loaded when it changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import api
from api.cli import load_text, terminal, uploads
from api.cli.client import Client, unusable_told
from api.cli.encoding import encode_pending
from api.cli.failures import UsageError
from opsatlas.actor import Role
from opsatlas.errors import OpsAtlasError
from opsatlas.settings import Settings

if TYPE_CHECKING:
    from api.services import Services

FOLDER = Path("demo-data")
"""Where the demo lives unless `OPSATLAS_DATA_DIR` says otherwise."""

_SEED = Path(api.__file__).parents[1] / "seed_data"
_RECORDS = ("known_errors", "incidents", "changes")
_LOADING = "loading"


class SeedDataRefusedError(OpsAtlasError):
    """The seed data did not load, which it always should."""

    code = "seed_data_refused"


def demo_settings(settings: Settings) -> Settings:
    """Settings of an installation of its own. Raises UsageError where that would not be one."""
    for name in ("url", "database_url"):
        if getattr(settings, name):
            raise UsageError(
                "the demo works on a folder of its own",
                hint=f"unset OPSATLAS_{name.upper()} and try again",
            )
    if "data_dir" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"data_dir": FOLDER})


def claim_folder(settings: Settings) -> None:
    """Mark an unused data folder as the demo's, before anything that may break off is in it.

    Raises UsageError where it holds an installation that is not the demo's.
    """
    marker, database = _marker(settings), settings.data_dir / "opsatlas.db"
    if marker.exists():
        return
    if database.exists():
        raise UsageError(
            f"{settings.data_dir} holds data that is not the demo's",
            hint=f"OPSATLAS_DATA_DIR={FOLDER} opsatlas demo",
        )
    with unusable_told(settings):
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        marker.write_text(_LOADING, encoding="ascii")


def load_seed(client: Client, held: Services) -> bool:
    """Load and encode the seed data, unless this very data is loaded; says whether it was.

    Interrupted, it goes on where it was the next time. Raises UsageError where there is none.
    """
    marker, wanted = _marker(held.settings), _fingerprint()
    loaded = marker.read_text(encoding="ascii").strip() if marker.exists() else ""
    if loaded == wanted and client.get("/cis", {"limit": 1})["count"]:
        return False
    terminal.note(f"loading {_SEED} into {held.settings.data_dir}")
    marker.write_text(_LOADING, encoding="ascii")
    _load(client, "/imports", sorted((_SEED / "inventory").glob("*.csv")))
    for noun in _RECORDS:
        _load(client, f"/{noun.replace('_', '-')}/imports", [_SEED / "incidents" / f"{noun}.jsonl"])
    _load(client, "/articles/imports", sorted((_SEED / "articles").glob("*.md")))
    _load(client, "/feedback/imports", [_SEED / "incidents" / "feedback.jsonl"])
    if held.settings.embedding_enabled:
        encode_pending(held)
    marker.write_text(wanted, encoding="ascii")
    return True


def demo_key(held: Services) -> Path:
    """The file with an admin key for the demo's own server, readable by its owner alone."""
    from api import keys
    from opsatlas.actor import local_admin
    from opsatlas.db.transaction import reading, transaction

    file = held.settings.data_dir / "demo-key"
    if file.exists():
        try:
            with reading(held.engine) as session:
                keys.verify(session, held.pepper, file.read_text(encoding="utf-8").strip())
        except keys.InvalidKeyError:
            file.unlink()
        else:
            return file
    with transaction(held.engine) as session:
        made = keys.create_key(session, held.pepper, Role.ADMIN, "demo", local_admin())
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as written:
            written.write(made.key + "\n")
    return file


def _load(client: Client, path: str, files: list[Path]) -> None:
    report = uploads.load_files(client, path, uploads.files_of(str(file) for file in files), {})
    if load_text.has_errors(report):
        load_text.show(report)
        raise SeedDataRefusedError(f"the seed data was refused by {path}")


def _fingerprint() -> str:
    """SHA-256 over the names and contents of the seed data."""
    digest = hashlib.sha256()
    for file in _seed_files():
        digest.update(str(file.relative_to(_SEED)).encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _seed_files() -> Iterator[Path]:
    files = sorted(file for file in _SEED.glob("*/*") if file.is_file())
    if not files:
        raise UsageError(
            f"there is no seed data in {_SEED}",
            hint="the demo needs a checkout of the project: install it with `pip install -e .`",
        )
    yield from files


def _marker(settings: Settings) -> Path:
    return settings.data_dir / "demo-loaded"
