"""A CycloneDX bill of materials in XML, as the objects that the JSON form has."""

from typing import Any
from xml.etree.ElementTree import Element

NAMESPACE = "http://cyclonedx.org/schema/bom/"

_TEXTS = ("group", "name", "version", "description", "purl", "publisher")


def is_bom(root: Element) -> bool:
    """Whether this is the root element of a bill of materials."""
    prefix, _, name = root.tag.rpartition(":")
    declared = root.get(f"xmlns:{prefix}" if prefix else "xmlns") or ""
    return name == "bom" and declared.startswith(NAMESPACE)


def as_json(root: Element) -> dict[str, Any]:
    """What the importer reads of the document, under the names that it has in JSON."""
    document: dict[str, Any] = {}
    metadata = _child(root, "metadata")
    main = None if metadata is None else _child(metadata, "component")
    if main is not None:
        document["metadata"] = {"component": _component(main)}
    for section, one, read in (
        ("components", "component", _component),
        ("services", "service", _service),
    ):
        found = _child(root, section)
        if found is not None:
            document[section] = [read(each) for each in _children(found, one)]
    dependencies = _child(root, "dependencies")
    if dependencies is not None:
        document["dependencies"] = [
            {
                "ref": each.get("ref"),
                "dependsOn": [below.get("ref") for below in _children(each, "dependency")],
            }
            for each in _children(dependencies, "dependency")
        ]
    return document


def _component(element: Element) -> dict[str, Any]:
    said = _thing(element)
    said["type"] = element.get("type")
    said["supplier"] = _named(element, "supplier")
    below = _child(element, "components")
    if below is not None:
        said["components"] = [_component(each) for each in _children(below, "component")]
    return said


def _service(element: Element) -> dict[str, Any]:
    said = _thing(element)
    said["provider"] = _named(element, "provider")
    said["trustZone"] = _text(element, "trustZone")
    said["x-trust-boundary"] = _text(element, "x-trust-boundary") in {"true", "1"}
    endpoints = _child(element, "endpoints")
    if endpoints is not None:
        said["endpoints"] = [each.text for each in _children(endpoints, "endpoint")]
    below = _child(element, "services")
    if below is not None:
        said["services"] = [_service(each) for each in _children(below, "service")]
    return said


def _thing(element: Element) -> dict[str, Any]:
    said: dict[str, Any] = {name: _text(element, name) for name in _TEXTS}
    said["bom-ref"] = element.get("bom-ref")
    properties = _child(element, "properties")
    if properties is not None:
        said["properties"] = [
            {"name": each.get("name"), "value": each.text}
            for each in _children(properties, "property")
        ]
    return said


def _named(element: Element, name: str) -> dict[str, Any] | None:
    found = _child(element, name)
    return None if found is None else {"name": _text(found, "name")}


def _text(element: Element, name: str) -> str | None:
    found = _child(element, name)
    return None if found is None or found.text is None else found.text.strip()


def _child(element: Element, name: str) -> Element | None:
    return next(iter(_children(element, name)), None)


def _children(element: Element, name: str) -> list[Element]:
    """The elements of that name directly below, of the same namespace."""
    prefix, colon, _ = element.tag.rpartition(":")
    return [each for each in element if each.tag == f"{prefix}{colon}{name}"]
