"""What a field's docstring says stands in the JSON schema."""

from typing import Generic, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from opsatlas.field_docs import attribute_docs, field_docs

T = TypeVar("T")


class Named(BaseModel):
    model_config = ConfigDict(json_schema_extra=field_docs)

    number: int = Field(1, validation_alias=AliasChoices("number", "id"))
    """What people call it."""
    title: str
    """What it is about,
    in a line."""
    note: str = ""
    told: str = Field("", description="as the field says itself")
    """as the string below says"""


class Renamed(Named):
    title: str
    """What it is now."""
    class_: str = Field(alias="class")
    """Its kind."""
    other: Named
    """Whom it was before."""


class Page(BaseModel, Generic[T]):
    model_config = ConfigDict(json_schema_extra=field_docs)

    items: list[T]
    """What is on it."""


def descriptions(model: type[BaseModel]) -> dict[str, str | None]:
    properties = model.model_json_schema()["properties"]
    return {name: each.get("description") for name, each in properties.items()}


def test_a_field_is_described_by_the_string_below_it() -> None:
    assert descriptions(Named) == {
        "number": "What people call it.",
        "title": "What it is about,\nin a line.",
        "note": None,
        "told": "as the field says itself",
    }


def test_a_derived_model_has_its_own_words_before_its_bases() -> None:
    assert descriptions(Renamed) == descriptions(Named) | {
        "title": "What it is now.",
        "class": "Its kind.",
        "other": "Whom it was before.",
    }


def test_a_generic_model_is_described_as_its_origin() -> None:
    assert descriptions(Page[Named]) == {"items": "What is on it."}


def test_a_model_without_source_is_not_described() -> None:
    made = type("Made", (BaseModel,), {"__annotations__": {"a": int}, "__module__": "nowhere"})
    assert attribute_docs(made) == {}
