"""Configuration items of AWS Config, in every form that its answers and snapshots have."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cmdb.importers.json_text import parse_json
from cmdb.importers.json_values import bounded, items, members, text_of
from cmdb.importers.records import InputFile, Kind, Where
from cmdb.problems import problem
from cmdb.schemas import Problem

LISTS = ("configurationItems", "baseConfigurationItems", "Results")
"""A snapshot's and a history's list, that of batch-get-resource-config, and that of a query."""

DELETED = frozenset({"resourcedeleted", "resourcedeletednotrecorded"})
_SECRETS = frozenset({"environment", "userdata", "masteruserpassword", "authtoken"})


@dataclass(frozen=True)
class Resource:
    """One configuration item."""

    item: dict[str, Any]
    where: Where

    @property
    def type(self) -> str:
        return text_of(self.item.get("resourceType")) or ""

    @property
    def id(self) -> str | None:
        return text_of(self.item.get("resourceId"))

    @property
    def name(self) -> str | None:
        return text_of(self.item.get("resourceName"))

    @property
    def arn(self) -> str | None:
        said = text_of(self.item.get("arn")) or text_of(self.item.get("ARN"))
        return said if said and said.startswith("arn:") else None

    @property
    def account(self) -> str:
        return text_of(self.item.get("awsAccountId")) or text_of(self.item.get("accountId")) or ""

    @property
    def region(self) -> str:
        return text_of(self.item.get("awsRegion")) or ""

    @property
    def status(self) -> str:
        return (text_of(self.item.get("configurationItemStatus")) or "").casefold()

    @property
    def deleted(self) -> bool:
        return self.status in DELETED

    @property
    def key(self) -> str:
        """The ARN, else account, region, type and id."""
        return self.arn or "/".join(
            (self.account, self.region, self.type, self.id or self.name or "")
        )

    @cached_property
    def configuration(self) -> dict[str, Any]:
        """What the service's own API says of the resource; often JSON within a text."""
        return members(decoded(self.item.get("configuration")))

    @property
    def has_secrets(self) -> bool:
        """Whether the configuration has members in which secrets are kept."""
        return any(
            value and name.casefold() in _SECRETS for name, value in self.configuration.items()
        )

    @cached_property
    def tags(self) -> dict[str, Any]:
        """Tags by key, whichever of the three forms they have."""
        said = self.item.get("tags")
        if isinstance(said, dict):
            return {name: bounded(value) for name, value in said.items()}
        found = {}
        for each in items(said):
            name = text_of(members(each).get("key")) or text_of(members(each).get("Key"))
            if name is not None:
                value = members(each).get("value", members(each).get("Value"))
                found[name] = bounded(value)
        return found

    @property
    def age(self) -> tuple[float, str, str]:
        """What is greater for the later of two items of one resource."""
        said = self.item.get("configurationItemCaptureTime")
        number = (
            float(said) if isinstance(said, int | float) and not isinstance(said, bool) else 0.0
        )
        return number, text_of(said) or "", str(bounded(self.item))


def is_item(value: Any) -> bool:
    """Whether a value has the shape of a configuration item."""
    return (
        isinstance(value, dict)
        and "::" in (text_of(value.get("resourceType")) or "")
        and (text_of(value.get("resourceId")) or text_of(value.get("resourceName"))) is not None
    )


def listed(document: Any) -> tuple[str, list[Any]] | None:
    """The items of a document and the pointer of their list; None where it has none."""
    if isinstance(document, list):
        return "", document
    if isinstance(document, dict):
        for name in LISTS:
            if isinstance(document.get(name), list):
                return f"/{name}", document[name]
        if is_item(members(document.get("configurationItem"))):  # a notification
            return "", [document["configurationItem"]]
    return None


def resources(document: Any, file: str) -> Iterator[Resource | Problem]:
    """The configuration items of a document."""
    found = listed(document)
    if found is None:
        yield problem(
            "unexpected_shape",
            "there is no list of configuration items in this file",
            where=Where(file, None, ""),
            value=document,
            hint='a snapshot has {"configurationItems": […]}, a query\'s answer {"Results": […]}',
        )
        return
    pointer, entries = found
    for position, entry in enumerate(entries):
        where = Where(file, None, f"{pointer}/{position}")
        item = decoded(entry)
        if is_item(item):
            yield Resource(item, where)
        else:
            yield problem(
                "not_a_configuration_item",
                "this is no configuration item: it needs `resourceType` and `resourceId`",
                where=where,
                kind=Kind.CI,
                value=entry,
                hint="select them in the query: SELECT *, or resourceId, resourceType, arn, …",
            )


def decoded(value: Any) -> Any:
    """The value, or where it is a text of JSON what that says."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    found = parse_json(InputFile("", value.encode("utf-8", "replace")))
    return value if isinstance(found, Problem) else found
