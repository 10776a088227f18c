"""What the caller of a load decides, and the settings that it keeps to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cmdb.claims import MANUAL
from cmdb.importers.registry import AUTO, find_format
from cmdb.importers.unpacking import UnpackingLimits
from cmdb.plain_text import RefusedValueError, text
from cmdb.plan import Missing
from cmdb.source_mappings import AdminMapping
from opsatlas.errors import InvalidInputError
from opsatlas.settings import Settings

_MAX_SOURCE = 64


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What the caller of a load decides."""

    source: str = ""
    """Empty: by the format, `native` or its name."""
    format: str = AUTO
    dry_run: bool = False
    missing: Missing = Missing.KEEP
    partial: bool = False
    """Load the good rows and leave the bad ones, instead of all or nothing."""
    mapping: AdminMapping | None = None
    """Over the format's own; None: that of the source in `LoadLimits.mapping_dir`, if any."""
    choices: Mapping[str, str] = field(default_factory=dict)
    """Options of the format, over those of the mappings."""
    expected_plan: str = ""
    """Fingerprint of a plan: the load is made only if it would do exactly that."""

    def kept(self) -> dict[str, Any]:
        """What an import run keeps of them beside its own columns."""
        own = None if self.mapping is None else self.mapping.as_json()
        return {
            "missing": self.missing.value,
            "partial": self.partial,
            "mapping": own,
            "choices": dict(self.choices),
            "expected_plan": self.expected_plan,
        }


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """The settings that a load keeps to."""

    max_problems: int = 500
    max_records: int = 10_000_000
    max_depth: int = 50
    max_retired_share: float = 0.2
    revision_keep: int = 100_000
    unpacking: UnpackingLimits = field(default_factory=UnpackingLimits)
    mapping_dir: Path | None = None
    """Folder of the mappings of sources."""
    max_changes: int = 1000
    identification_rules: Path | None = None
    """File of an admin's rules by what CIs are recognised."""

    @classmethod
    def of(cls, settings: Settings) -> "LoadLimits":
        """The limits that the settings say."""
        return cls(
            settings.import_max_problems,
            settings.import_max_records,
            settings.max_json_depth,
            settings.import_max_retired_share,
            settings.revision_keep,
            UnpackingLimits(
                settings.import_max_unpacked_bytes,
                settings.import_max_files,
                settings.import_max_compression_ratio,
            ),
            settings.resolved_mapping_dir,
            settings.import_max_changes,
            Path(settings.identification_rules) if settings.identification_rules else None,
        )


def check_options(options: LoadOptions) -> None:
    """Raise InvalidInputError for options that no load can have."""
    find_format(options.format)
    if options.source:
        check_source(options.source)
    if options.source == MANUAL and options.missing is Missing.RETIRE:
        raise InvalidInputError(
            f"the source {MANUAL!r} is what people write; a file is never all of it",
            hint="load under another source, or without missing=retire",
        )


def check_source(name: str) -> None:
    """Raise InvalidInputError for what cannot be the name of a source."""
    try:
        read = text(name, limit=_MAX_SOURCE)
    except RefusedValueError as error:
        raise InvalidInputError(f"the source: {error.message}", hint=error.hint) from None
    if read != name:
        raise InvalidInputError(f"{name!r} is no name for a source", hint="for example `netbox`")
