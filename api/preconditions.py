"""`ETag` and `If-Match`: a record is changed only as the caller last saw it."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header

from opsatlas.errors import ErrorItem, MalformedInputError, PreconditionFailedError

_ONE_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_VERSION = re.compile(r"[1-9][0-9]{0,17}")


class InvalidIfMatchError(MalformedInputError):
    """`If-Match` is not one entity tag."""

    code = "invalid_if_match"


class UnknownTagError(PreconditionFailedError):
    """`If-Match` has a tag that no record of ours ever had."""

    code = "unknown_tag"


def etag(version: int) -> str:
    """The entity tag of a record at `version`."""
    return f'"{version}"'


def _if_version(
    if_match: Annotated[
        str | None, Header(description='The `ETag` of the record as it was read: `"3"`')
    ] = None,
) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    tag = _ONE_TAG.fullmatch(if_match.strip())
    if tag is None:
        item = ErrorItem("/header/if-match", "is not one entity tag", if_match, 'for example "3"')
        raise InvalidIfMatchError("If-Match is not one entity tag", hint=item.hint, errors=[item])
    if tag[1] or not _VERSION.fullmatch(tag[2]):
        raise UnknownTagError(f"no version has the tag {if_match}", hint="send the ETag as it was")
    return int(tag[2])


IfVersion = Annotated[int | None, Depends(_if_version)]
"""The version that the record must still have; None where the caller does not say."""
