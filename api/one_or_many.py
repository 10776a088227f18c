"""Bodies that hold one object or a list of them."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import Discriminator, Field, Tag

T = TypeVar("T")


def _form(body: Any) -> str:
    return "list" if isinstance(body, list) else "object"


OneOrMany = Annotated[
    Annotated[T, Tag("object")] | Annotated[list[T], Field(min_length=1), Tag("list")],
    Discriminator(_form),
]
"""Told apart by their form alone, so that an error is about the one that was meant."""
