"""The systems that are pulled, as the setting `sync_sources` names them."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from cmdb.claims import MANUAL
from cmdb.load_options import check_source
from cmdb.names import did_you_mean
from cmdb.pulling.kinds import PULLERS
from cmdb.pulling.protocol import Puller, SourceRefusedError
from cmdb.pulling.schedule import Schedule, span
from opsatlas.errors import ErrorItem, InvalidInputError, NotFoundError, OpsAtlasError
from opsatlas.field_docs import field_docs
from opsatlas.strict_json import MalformedJsonError, loads

SETTING = "OPSATLAS_SYNC_SOURCES"
_DEEPEST = 5
_LONGEST_TOKEN = 10_000
_LISTS = {"servicenow": "tables", "netbox": "endpoints"}


class InvalidSyncSourceError(InvalidInputError):
    """The setting says what cannot be."""

    code = "invalid_sync_source"


class NoSuchSyncError(NotFoundError):
    """No source of this name is pulled."""

    code = "no_such_sync"


class SyncSource(BaseModel):
    """A system that is pulled."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=field_docs)

    name: str
    """The source whose inventory it is."""
    kind: Literal["servicenow", "netbox", "backstage"]
    url: str
    """Where its API begins: scheme and host, perhaps a path."""
    token_env: str = ""
    """Environment variable with the token, or the password of `user`."""
    token_file: str = ""
    """File with it."""
    user: str = ""
    """For ServiceNow: who asks, with a password."""
    lists: tuple[str, ...] = Field((), validation_alias=AliasChoices("tables", "endpoints"))
    """ServiceNow's tables, NetBox's endpoints; empty: those that are read unless said."""
    schedule: str = ""
    """`30m`, `6h`, `7d`, or a time of the day in UTC; empty: only when it is asked for."""
    full_every_days: int = Field(7, ge=0, le=366)
    """Days after which everything is read again; 0: always."""
    overlap: str = ""
    """How far before the newest change that was seen the next run begins, such as `10m`."""
    retire: bool = False
    """Whether a full run retires what the source no longer has."""
    partial: bool = False
    """Whether good records are loaded where others are wrong, instead of all or nothing."""
    page_size: int = Field(500, ge=1, le=10_000)
    ca_file: str = ""
    """Certificates (PEM) of an authority of your own."""
    plain_http: bool = False
    """Whether `url` may be `http://`, where anyone on the way can read the token."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, said: str) -> str:
        parts = urlsplit(said)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise ValueError("it must be an address such as https://netbox.example")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("it must hold neither a user nor a query: the token has its own place")
        return said.rstrip("/")

    @field_validator("schedule", "overlap")
    @classmethod
    def _check_span(cls, said: str, info: Any) -> str:
        if said:
            (Schedule.read if info.field_name == "schedule" else span)(said)
        return said

    @model_validator(mode="after")
    def _check_together(self) -> "SyncSource":
        if urlsplit(self.url).scheme == "http" and not (self.plain_http or _is_here(self.url)):
            raise ValueError("url: https:// is needed; or say `plain_http: true`")
        if self.token_env and self.token_file:
            raise ValueError("token_env: one of token_env and token_file, not both")
        if self.puller.NEEDS_TOKEN and not (self.token_env or self.token_file):
            raise ValueError(f"token_env: {self.kind} needs token_env or token_file")
        if self.user and self.kind != "servicenow":
            raise ValueError(f"user: {self.kind} knows tokens only")
        for each in self.lists:
            if not self.puller.is_list(each):
                near = did_you_mean(each, self.puller.DEFAULT_LISTS)
                detail = f"{self.kind} has no {each!r}" + (f" ({near})" if near else "")
                raise ValueError(f"{_LISTS.get(self.kind, 'tables')}: {detail}")
        return self

    @property
    def puller(self) -> Puller:
        """How it is asked."""
        return PULLERS[self.kind]

    @property
    def asked_lists(self) -> tuple[str, ...]:
        """What is read of it."""
        return self.lists or self.puller.DEFAULT_LISTS

    @property
    def is_incremental(self) -> bool:
        """Whether runs between two full ones read only what changed."""
        return self.puller.INCREMENTAL and self.full_every_days > 0

    @property
    def overlapping(self) -> timedelta:
        """`overlap`, or that of the kind."""
        return span(self.overlap) if self.overlap else self.puller.OVERLAP

    @property
    def timing(self) -> Schedule | None:
        """`schedule`, read."""
        return Schedule.read(self.schedule) if self.schedule else None

    @property
    def fingerprint(self) -> str:
        """Changes with whatever makes pages that were read before useless."""
        said = json.dumps([self.kind, self.url, self.asked_lists])
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def headers(self) -> dict[str, str]:
        """What tells the system who asks. Raises SourceRefusedError where the token is missing."""
        return self.puller.headers(self.user, self._token())

    def _token(self) -> str:
        if self.token_file:
            try:
                found = Path(self.token_file).read_text("utf-8", "replace")[:_LONGEST_TOKEN]
            except OSError as error:
                raise SourceRefusedError(
                    f"{self.name}: its token_file {self.token_file} cannot be read: "
                    f"{error.strerror}"
                ) from error
            place = f"the token_file {self.token_file}"
        elif self.token_env:
            found = os.environ.get(self.token_env, "")
            place = f"the environment variable {self.token_env}"
        else:
            return ""
        token = found.strip()
        if not token or not token.isascii() or not token.isprintable():
            what = "holds no token" if not token else "has characters that no token has"
            raise SourceRefusedError(f"{self.name}: {place} {what}")
        return token


def read_sync_sources(text: str) -> dict[str, SyncSource]:
    """The systems by name, from the setting: a JSON object, or the path of a file with one.

    Raises InvalidSyncSourceError, which names each place that is wrong.
    """
    if not text.strip():
        return {}
    try:
        content = text.encode() if text.lstrip().startswith("{") else Path(text).read_bytes()
        document = loads(content, _DEEPEST)
    except OSError as error:
        raise InvalidSyncSourceError(
            f"{SETTING} is neither a JSON object nor the path of a file: {error.strerror}",
            hint='{"netbox": {"kind": "netbox", "url": "https://…", "token_env": "NETBOX_TOKEN"}}',
        ) from error
    except MalformedJsonError as error:
        raise InvalidSyncSourceError(f"{SETTING}: {error.detail}", hint=error.hint) from error
    if not isinstance(document, dict):
        raise InvalidSyncSourceError(f"{SETTING} must be an object: sources by name")
    found: dict[str, SyncSource] = {}
    wrong: list[ErrorItem] = []
    for name, said in document.items():
        try:
            found[name] = _read(name, said)
        except ValidationError as error:
            wrong += [_item(name, each) for each in error.errors()]
        except OpsAtlasError as error:
            wrong.append(ErrorItem(f"{SETTING}/{name}", error.detail, hint=error.hint))
    if wrong:
        listed = "; ".join(f"{item.pointer}: {item.detail}" for item in wrong)
        raise InvalidSyncSourceError(f"a source cannot be pulled so: {listed}", errors=wrong)
    return found


def find_sync(sources: Mapping[str, SyncSource], name: str) -> SyncSource:
    """One of the systems. Raises NoSuchSyncError."""
    found = sources.get(name)
    if found is None:
        raise NoSuchSyncError(
            f"no source {name!r} is pulled",
            hint=did_you_mean(name, sources) or _named(sources),
        )
    return found


def _named(sources: Iterable[str]) -> str:
    names = ", ".join(sources)
    return f"these are: {names}" if names else f"{SETTING} names none"


def _read(name: str, said: Any) -> SyncSource:
    check_source(name)
    if name == MANUAL:
        raise InvalidInputError(f"{MANUAL!r} is what people write; no system is that")
    if not isinstance(said, dict):
        raise InvalidInputError("it must be an object", hint='{"kind": "netbox", "url": "…"}')
    return SyncSource.model_validate({**said, "name": name})


def _item(name: str, error: Any) -> ErrorItem:
    place, detail = "/".join(map(str, error["loc"])), str(error["msg"])
    if error["type"] == "value_error":
        detail = detail.removeprefix("Value error, ")
        if not place:
            place, _, detail = detail.partition(": ")
    hint = None
    if error["type"] == "extra_forbidden":
        known = ["tables", "endpoints", *(each for each in SyncSource.model_fields)]
        hint = did_you_mean(place, known)
        detail = "there is no such entry" + (f" ({hint})" if hint else "")
    return ErrorItem(f"{SETTING}/{name}/{place}", detail, hint=hint)


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
