"""By what is a CI of a class recognised? Rules as data: the shipped ones, an admin's over them."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from cmdb.identifiers import HOST, KINDS, NAMED_AS_HOSTS
from cmdb.importers.records import InputFile
from cmdb.names import did_you_mean
from cmdb.rules_file import open_rules, read_rules
from opsatlas.errors import ErrorItem, InvalidInputError

OTHERS = "*"
"""Stands for every class that has no rule, nor has one above it."""
NAME = "name"

Steps = tuple[tuple[str, ...], ...]
"""Kinds of identifiers, the surest first; those of one step are equally sure."""
Identification = Mapping[str, Steps]
"""By class; `*` for those that are not named."""

_FILE = "identification.toml"
_KNOWN = (*KINDS, NAME)


class InvalidIdentificationError(InvalidInputError):
    """The file of identification rules says something that no such file can say."""

    code = "invalid_identification_rules"


def _checked(said: list[str]) -> list[str]:
    seen: set[str] = set()
    for kind in (each for step in _steps(said) for each in step):
        if kind not in _KNOWN:
            near = did_you_mean(kind, _KNOWN)
            raise ValueError(
                f"there is no identifier {kind!r}; {near or 'they are ' + ', '.join(_KNOWN)}"
            )
        if kind in seen:
            raise ValueError(f"{kind!r} stands there twice")
        seen.add(kind)
    return said


class IdentificationRules(BaseModel):
    """The file: by class, steps such as `serial_number|fqdn`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: dict[str, Annotated[list[str], AfterValidator(_checked)]] = {}


@cache
def shipped_identification() -> Identification:
    """The rules that come with the product, by the classes that they name."""
    return _by_class(_parse(InputFile(_FILE, shipped_text().encode())))


def shipped_text() -> str:
    """The same as TOML, with its comments."""
    return files("cmdb").joinpath(_FILE).read_text("utf-8")


def identification(own: Path | None) -> Identification:
    """The shipped rules, with those of the admin's file over them.

    Raises InvalidIdentificationError.
    """
    if own is None:
        return shipped_identification()
    file = open_rules(own, InvalidIdentificationError, "OPSATLAS_IDENTIFICATION_RULES")
    return {**shipped_identification(), **_by_class(_parse(file))}


def inherited(rules: Identification, parents: Mapping[str, str | None]) -> Identification:
    """The rules of all classes, by the tree that `parents` (of each class) is.

    Raises InvalidIdentificationError for a class that there is not, and for `host` where names are
    no hosts'.
    """
    for name, steps in rules.items():
        place = f"/classes/{name}"
        if name not in parents and name != OTHERS:
            _refuse(f"{place}: there is no CI class {name!r}", place, did_you_mean(name, parents))
        if any(HOST in step for step in steps) and _root(name, parents) not in NAMED_AS_HOSTS:
            listed = ", ".join(sorted(NAMED_AS_HOSTS))
            hint = f"it goes with {listed} and the classes below; use `name` here"
            _refuse(f"{place}: the name of a {name} is no host name", place, hint)
    return {name: rules[ruling_class(rules, name, parents)] for name in (*parents, OTHERS)}


def ruling_class(rules: Identification, name: str, parents: Mapping[str, str | None]) -> str:
    """The class whose rule a class has: its own, the nearest above it, or `*`."""
    return next((each for each in _line(name, parents) if each in rules), OTHERS)


def shipped_kinds(root: str) -> tuple[str, ...]:
    """The kinds by which CIs of the built-in class `root` are recognised, as shipped."""
    rules = shipped_identification()
    return kinds_of(rules.get(root, rules[OTHERS]))


def kinds_of(steps: Steps) -> tuple[str, ...]:
    """All kinds of a rule, the surest first."""
    return tuple(kind for step in steps for kind in step)


def _by_class(rules: IdentificationRules) -> Identification:
    return {name: tuple(_steps(said)) for name, said in rules.classes.items()}


def _parse(file: InputFile) -> IdentificationRules:
    return read_rules(
        IdentificationRules, file, InvalidIdentificationError, page="docs/reconciliation.md"
    )


def _steps(said: Iterable[str]) -> Iterator[tuple[str, ...]]:
    for step in said:
        yield tuple(kind.strip() for kind in step.split("|"))


def _line(name: str, parents: Mapping[str, str | None]) -> Iterator[str]:
    above: str | None = name
    while above is not None:
        yield above
        above = parents.get(above)


def _root(name: str, parents: Mapping[str, str | None]) -> str:
    return list(_line(name, parents))[-1]


def _refuse(message: str, place: str, hint: str | None) -> None:
    raise InvalidIdentificationError(
        message, hint=hint, errors=[ErrorItem(place, message, hint=hint)]
    )
