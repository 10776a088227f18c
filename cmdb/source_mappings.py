"""Which mapping a load goes by: the format's own, an admin's over it, single choices over both."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmdb.importers.mapping import InvalidMappingError, Option, read_mapping
from cmdb.importers.mapping import Mapping as SourceMapping
from cmdb.importers.mapping_text import mapping_text
from cmdb.importers.records import InputFile
from cmdb.importers.registry import (
    broken_importers,
    default_mapping,
    default_mapping_text,
    importers,
)
from cmdb.names import did_you_mean
from opsatlas.errors import NotFoundError

MAX_MAPPING_BYTES = 1024 * 1024
_ENDINGS = (".toml", ".yaml", ".yml")
_NATIVE = "native_"
_YES, _NO = frozenset({"true", "yes", "on", "1"}), frozenset({"false", "no", "off", "0"})


class NoSuchFormatError(NotFoundError):
    """No format has this name, and no source of this name has a mapping of its own."""

    code = "no_such_format"


@dataclass(frozen=True, slots=True)
class AdminMapping:
    """A mapping that an admin wrote, and the file that it stands in."""

    file: str
    mapping: SourceMapping

    @classmethod
    def read(cls, file: InputFile) -> "AdminMapping":
        """The mapping in `file`. Raises InvalidMappingError."""
        if len(file.content) > MAX_MAPPING_BYTES:
            raise InvalidMappingError(f"{file.name} is longer than {MAX_MAPPING_BYTES:,} bytes")
        return cls(file.name, read_mapping(file))

    def as_json(self) -> dict[str, Any]:
        """What `from_json` makes the same mapping of."""
        said = self.mapping.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {"file": self.file, "mapping": said}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "AdminMapping":
        """The mapping that `as_json` has written."""
        return cls(kept["file"], SourceMapping.model_validate(kept["mapping"]))


def is_native(format_name: str) -> bool:
    """Whether a format is our own, which needs no mapping."""
    return format_name.startswith(_NATIVE)


def mapping_of_source(folder: Path | None, source: str) -> AdminMapping | None:
    """The mapping in `folder` that is named as the source. Raises InvalidMappingError."""
    if folder is None or not source or source.startswith(".") or Path(source).name != source:
        return None
    for ending in _ENDINGS:
        place = folder / f"{source}{ending}"
        try:
            content = place.read_bytes()
        except (FileNotFoundError, NotADirectoryError, ValueError):
            continue
        except OSError as error:
            raise InvalidMappingError(f"{place} cannot be read: {error.strerror}") from error
        return AdminMapping.read(InputFile(place.name, content))
    return None


def mappings_of(
    formats: Iterable[str], own: AdminMapping | None, choices: Mapping[str, str]
) -> dict[str, SourceMapping]:
    """The mapping of each format of a load: its default, with the admin's and `choices` over it.

    Raises InvalidMappingError where the admin's does not fit the formats, or a choice is none.
    """
    foreign = [name for name in formats if not is_native(name)]
    if own is not None:
        _require_fit(own, foreign)
    known: set[str] = set()
    found: dict[str, SourceMapping] = {}
    for name in formats:
        default = default_mapping(name)
        if is_native(name):
            found[name] = default
            continue
        changed = default if own is None else own.mapping.over(default)
        offered = options_of(name)
        known |= offered
        if own is not None:
            _require_options(own.mapping.options, offered, own.file)
        chosen = {
            option: _as(default.options.get(option), option, said)
            for option, said in choices.items()
            if option in offered or not offered
        }
        found[name] = SourceMapping(options=chosen).over(changed) if chosen else changed
    if choices and found and not foreign:
        raise InvalidMappingError(
            f"there is nothing to choose: {', '.join(found)} has no options",
            hint=f"leave {next(iter(choices))!r} out",
        )
    _require_options(choices, known, "set")
    return found


def options_of(format_name: str) -> set[str]:
    """The options that a format has: those of its shipped mapping, also where they stand in a
    comment; an empty set where it ships none."""
    text = default_mapping_text(importers()[format_name])
    section = re.search(r"^\[options\](.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    below = section.group(1) if section else ""
    named = re.findall(r"^\s*#?\s*([A-Za-z_][\w-]*)\s*=", below, re.MULTILINE)
    return {*named, *default_mapping(format_name).options}


def shown_mapping(folder: Path | None, name: str) -> tuple[str, str]:
    """The format that is meant by `name`, and its mapping as TOML: of a source that has a mapping
    in `folder` with that over the format's own.

    Raises NoSuchFormatError, and InvalidMappingError for a mapping that cannot be used.
    """
    known = importers()
    own = mapping_of_source(folder, name)
    wanted = name.strip().lower().replace("-", "_")
    if own is not None:
        format_name = own.mapping.format or wanted
        if format_name not in known:
            raise InvalidMappingError(
                f"{own.file} does not say which format it is for",
                hint='its first line must be: format = "…", one of ' + ", ".join(foreign_formats()),
            )
        found = mappings_of([format_name], own, {})[format_name]
        return format_name, mapping_text(found.model_copy(update={"format": format_name}))
    for candidate in (wanted, f"{_NATIVE}{wanted}"):
        if candidate in known:
            default_mapping(candidate)  # a broken one of another package is told here
            return candidate, default_mapping_text(known[candidate])
    broken = broken_importers().get(wanted)
    if broken is not None:
        raise NoSuchFormatError(f"the format {wanted} cannot be used: {broken}", hint=broken.hint)
    raise NoSuchFormatError(
        f"there is no format {name!r}, and no source of that name has a mapping",
        hint=did_you_mean(name, known) or f"the formats are {', '.join(known)}",
    )


def foreign_formats() -> list[str]:
    """The formats that are not our own."""
    return [name for name in importers() if not is_native(name)]


def _require_fit(own: AdminMapping, foreign: list[str]) -> None:
    said = own.mapping.format
    if said is not None and foreign != [said] and foreign:
        raise InvalidMappingError(
            f"{own.file} is for {said}, but the files are {', '.join(foreign)}",
            hint="load the files of each format with a mapping of their own",
        )
    if len(foreign) > 1:
        raise InvalidMappingError(
            f"{own.file} would have to do for several formats: {', '.join(foreign)}",
            hint="load the files of each format with a mapping of their own",
        )


def _require_options(said: Iterable[str], offered: set[str], where: str) -> None:
    if not offered:
        return  # nothing says what the format knows
    for name in said:
        if name not in offered:
            raise InvalidMappingError(
                f"{where}: the format has no option {name!r}",
                hint=did_you_mean(name, offered) or f"its options are {', '.join(sorted(offered))}",
            )


def _as(default: Option | None, name: str, said: str) -> Option:
    """A choice in the type that the default has."""
    if isinstance(default, bool):
        if (word := said.strip().lower()) not in _YES | _NO:
            raise InvalidMappingError(f"set {name}={said}: it is true or false")
        return word in _YES
    if isinstance(default, list):
        if said.startswith("["):
            return _list(name, said)
        return [each.strip() for each in said.split(",") if each.strip()]
    if isinstance(default, int | float):
        try:
            return type(default)(said)
        except ValueError:
            raise InvalidMappingError(f"set {name}={said}: it is a number") from None
    return said


def _list(name: str, said: str) -> list[str]:
    try:
        found = tomllib.loads(f"list = {said}")["list"]
    except tomllib.TOMLDecodeError:
        found = None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise InvalidMappingError(f"set {name}={said}: it is a list of texts", hint='["a", "b"]')
    return found
