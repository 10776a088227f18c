"""JSON schemas that say what the docstrings of a model's fields say.

Pydantic's `use_attribute_docstrings` reads the source of every class when it is defined: more than
a quarter of the time that a server took to import. Here it is read when a schema is asked for.
"""

import ast
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo


def field_docs(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Describe each field of `model` in its JSON `schema` by the string that stands below it.

    For a model's configuration, as `json_schema_extra`; models derived from it do the same.
    """
    properties = schema.get("properties", {})
    told = attribute_docs(model)
    for name, field in model.model_fields.items():
        for called in _names_of(name, field):
            if name in told and called in properties:
                properties[called].setdefault("description", told[name])


def attribute_docs(model: type[BaseModel]) -> dict[str, str]:
    """The docstring of each field of `model` that has one, its own before its bases'."""
    told: dict[str, str] = {}
    for each in reversed(model.__mro__):
        told.update(_told_in(each.__module__).get(each.__qualname__, {}))
    return {name: text for name, text in told.items() if name in model.model_fields}


def _names_of(name: str, field: FieldInfo) -> list[str]:
    """What the property of a field may be called, coming in and going out."""
    incoming = field.validation_alias
    first = incoming.choices[0] if isinstance(incoming, AliasChoices) else incoming
    return [name, *(each for each in (first, field.serialization_alias) if isinstance(each, str))]


@cache
def _told_in(module: str) -> Mapping[str, Mapping[str, str]]:
    """The docstrings of the attributes of each class in `module`, by its qualified name."""
    try:
        source = inspect.getsource(sys.modules[module])
    except (KeyError, OSError, TypeError):
        return {}  # made by a library or without its source: nothing to read
    found: dict[str, dict[str, str]] = {}
    waiting: list[tuple[str, ast.AST]] = [("", ast.parse(source))]
    while waiting:
        prefix, node = waiting.pop()
        for each in ast.iter_child_nodes(node):
            if isinstance(each, ast.ClassDef):
                found[prefix + each.name] = _attributes_of(each)
                waiting.append((f"{prefix}{each.name}.", each))
    return found


def _attributes_of(definition: ast.ClassDef) -> dict[str, str]:
    told: dict[str, str] = {}
    for attribute, below in zip(definition.body, definition.body[1:], strict=False):
        match attribute, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                told[name] = inspect.cleandoc(text)
    return told
