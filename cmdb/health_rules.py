"""What a healthy inventory is: rules as data, the shipped ones with an admin's over them."""

from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cmdb.claims import ATTRIBUTE
from cmdb.health_checks import CHECKS, RULE, Category, Check, HealthSeverity
from cmdb.incoming import STORED
from cmdb.names import did_you_mean
from opsatlas.errors import InvalidInputError
from opsatlas.field_docs import field_docs

ALL = "*"
"""Stands for every class, or every relationship type."""

_MAX_PATTERN = 200
_OFF = "off"

Pattern = str | int | bool


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=field_docs)


class Completeness(_Part):
    """The attributes of a class; each a field or `attributes.NAME`, of `a|b` either will do."""

    required: list[str] | None = None
    recommended: list[str] | None = None

    @field_validator("required", "recommended")
    @classmethod
    def _known(cls, said: list[str] | None) -> list[str] | None:
        for each in said or ():
            for name in each.split("|"):
                _check_field(name)
        return said

    def over(self, default: "Completeness") -> "Completeness":
        """This one, and the lists that it does not have from `default`."""
        return Completeness(
            required=default.required if self.required is None else self.required,
            recommended=default.recommended if self.recommended is None else self.recommended,
        )


class Orphans(_Part):
    """CIs without any relationship."""

    ignored_classes: list[str] = []


class Hosting(_Part):
    """CIs of these classes have a relationship of one of these types to what they live on."""

    classes: list[str]
    types: list[str]


class Foundation(_Part):
    """CIs of these classes stand, over any number of steps, on CIs of others."""

    classes: list[str]
    on: list[str]


class Pairs(_Part):
    """Relationships by the classes of their ends and their type."""

    dependents: list[str]
    types: list[str]
    providers: list[str]
    because: str = "it makes no sense"


class Related(_Part):
    """A relationship to a CI of one of these classes, of one of these types."""

    classes: list[str] = [ALL]
    types: list[str] = [ALL]
    role: Literal["provider", "dependent"] = "provider"
    """What the other CI is: what this one needs, or what needs it."""


class Requirement(_Part):
    """What a rule asks for: exactly one of a field and a relationship."""

    field: str | None = None
    exists: Literal[True] | None = None
    one_of: list[Pattern] | None = None
    matches: str | None = Field(None, max_length=_MAX_PATTERN)
    """A pattern with `*` and `?`, in any case."""
    related: Related | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        tests = [
            name for name in ("exists", "one_of", "matches") if getattr(self, name) is not None
        ]
        if (self.field is None) == (self.related is None):
            raise ValueError("a rule requires either a `field` or something `related`")
        if self.field is not None:
            _check_field(self.field)
            if len(tests) != 1:
                raise ValueError("a field wants exactly one of `exists`, `one_of` and `matches`")
        elif tests:
            raise ValueError(f"{tests[0]!r} goes with a `field`, not with `related`")
        return self


class Rule(_Part):
    """A rule that an admin writes."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    classes: list[str] = [ALL]
    where: dict[str, Pattern | list[Pattern]] = {}
    """By field: one of these patterns; a CI that lacks the field is not meant."""
    require: Requirement
    severity: HealthSeverity = HealthSeverity.WARNING
    message: str = Field(max_length=1_000)
    remedy: str = Field("see to it that the rule is kept, or change the rule", max_length=1_000)

    @field_validator("where")
    @classmethod
    def _known(cls, said: dict[str, Any]) -> dict[str, Any]:
        for name, patterns in said.items():
            _check_field(name)
            for each in patterns if isinstance(patterns, list) else [patterns]:
                if len(str(each)) > _MAX_PATTERN:
                    raise ValueError(f"a pattern is longer than {_MAX_PATTERN} characters")
        return said


class HealthRules(_Part):
    """All of them."""

    stale_after_days: int | None = Field(None, ge=0, le=36_500)
    conflict_fields: list[str] | None = None
    cycle_types: list[str] | None = None
    severity: dict[str, HealthSeverity | Literal["off"]] = {}
    """By check: another severity, or `off`."""
    completeness: dict[str, Completeness] = {}
    orphans: Orphans | None = None
    hosting: Hosting | None = None
    foundation: Foundation | None = None
    impossible: list[Pairs] = []
    possible: list[Pairs] = []
    """Exceptions from `impossible`."""
    rules: list[Rule] = []

    @field_validator("severity")
    @classmethod
    def _known_checks(cls, said: dict[str, Any]) -> dict[str, Any]:
        for name in said:
            if name not in CHECKS:
                raise ValueError(f"there is no check {name!r}{_hint(name, CHECKS)}")
        return said

    @field_validator("conflict_fields")
    @classmethod
    def _known_fields(cls, said: list[str] | None) -> list[str] | None:
        for name in said or ():
            _check_field(name)
        return said

    @field_validator("rules")
    @classmethod
    def _once(cls, said: list[Rule]) -> list[Rule]:
        names = [rule.name for rule in said]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two rules are called {name!r}")
        return said

    def over(self, default: "HealthRules") -> "HealthRules":
        """These rules with `default` behind them."""

        def own(name: str) -> Any:
            return getattr(default if getattr(self, name) is None else self, name)

        named = dict.fromkeys([*default.completeness, *self.completeness])
        mine = {rule.name for rule in self.rules}
        return HealthRules(
            **{
                name: own(name)
                for name in (
                    *("stale_after_days", "conflict_fields", "cycle_types"),
                    *("orphans", "hosting", "foundation"),
                )
            },
            severity={**default.severity, **self.severity},
            completeness={
                name: self.completeness.get(name, Completeness()).over(
                    default.completeness.get(name, Completeness())
                )
                for name in named
            },
            impossible=[*default.impossible, *self.impossible],
            possible=[*default.possible, *self.possible],
            rules=[*(rule for rule in default.rules if rule.name not in mine), *self.rules],
        )

    def severity_of(self, check: str, usual: HealthSeverity | None = None) -> HealthSeverity | None:
        """How much a finding of `check` matters, `usual` where nobody says; None: it is off."""
        said = self.severity.get(check, usual or CHECKS[check].severity)
        return None if said == _OFF else HealthSeverity(said)

    def check(self, name: str) -> Check:
        """The check of this name, one of ours or `rule:` and the name of a rule.

        Raises InvalidInputError.
        """
        if name in CHECKS:
            return CHECKS[name]
        for rule in self.rules:
            if name == RULE + rule.name:
                return Check(name, Category.COMPLIANCE, rule.severity, rule.message, rule.remedy)
        names = [*CHECKS, *(RULE + rule.name for rule in self.rules)]
        raise InvalidInputError(
            f"there is no check {name!r}",
            hint=did_you_mean(name, names) or f"the checks are {', '.join(names)}",
        )


def _check_field(name: str) -> None:
    if name not in STORED and not (name.startswith(ATTRIBUTE) and len(name) > len(ATTRIBUTE)):
        hint = _hint(name, STORED) or f" (an attribute is written {ATTRIBUTE}{name})"
        raise ValueError(f"there is no field {name!r}{hint}")


def _hint(name: str, names: Iterable[str]) -> str:
    near = did_you_mean(name, names)
    return f" ({near})" if near else ""
