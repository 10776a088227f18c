"""A view as GraphML (Gephi, yEd, networkx), DOT (Graphviz) and Mermaid (Markdown), line by line.

Arrows run from a dependent to its provider, whatever the direction of the view. Names may hold
anything: each format escapes what means something in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from xml.sax.saxutils import escape

from cmdb.view_schemas import View, ViewEdge, ViewFold, ViewNode
from cmdb.view_words import drawable, edge_words, fold_words, key_of, words

_COLOURS = {"down": "#f8d7da", "degraded": "#fff3cd", "at_risk": "#cff4fc"}
_NODE_FIELDS = {
    "name": "string",
    "ci_class": "string",
    "criticality": "int",
    "state": "string",
    "distance": "int",
    "beyond": "int",
    "count": "int",
    "kind": "string",
}
_EDGE_FIELDS = {
    "relationship_id": "long",
    "type": "string",
    "kind": "string",
    "group": "string",
    "members": "int",
    "min_up": "int",
    "count": "int",
}


def graphml(view: View) -> Iterator[str]:
    """The lines of a GraphML document; what is not known is left out."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
    for where, fields in (("node", _NODE_FIELDS), ("edge", _EDGE_FIELDS)):
        for name, kind in fields.items():
            yield (
                f'<key id="{where}_{name}" for="{where}" attr.name="{name}" attr.type="{kind}"/>\n'
            )
    yield '<graph id="view" edgedefault="directed">\n'
    for node in view.nodes:
        yield f'<node id="{key_of(node.id)}">{_data("node", _NODE_FIELDS, node.model_dump())}'
        yield "</node>\n"
    for fold in view.folded:
        told = fold.model_dump() | {"name": fold_words(fold)}
        yield f'<node id="{key_of(fold.id)}">{_data("node", _NODE_FIELDS, told)}</node>\n'
    for number, edge in enumerate(view.edges):
        ends = f'source="{key_of(edge.dependent)}" target="{key_of(edge.provider)}"'
        yield f'<edge id="e{number}" {ends}>{_data("edge", _EDGE_FIELDS, edge.model_dump())}'
        yield "</edge>\n"
    yield "</graph>\n</graphml>\n"


def dot(view: View) -> Iterator[str]:
    """The lines of a directed graph in the language of Graphviz."""
    yield "digraph view {\n"
    yield "  rankdir=LR;\n"
    yield '  node [shape=box, style="rounded,filled", fillcolor=white];\n'
    for node in view.nodes:
        colour = _COLOURS.get(node.state or "")
        fill = f', fillcolor="{colour}"' if colour else ""
        yield f'  {key_of(node.id)} [label="{_node_label(node, _dot_text, _DOT_BREAK)}"{fill}];\n'
    for fold in view.folded:
        colour = _fold_colour(fold)
        fill = f', fillcolor="{colour}"' if colour else ""
        label = _dot_text(fold_words(fold))
        yield f'  {key_of(fold.id)} [label="{label}", shape=box3d{fill}];\n'
    for edge in view.edges:
        style = ", style=dashed" if edge.kind == "optional" else ""
        label = _dot_text(edge_words(edge))
        yield f'  {key_of(edge.dependent)} -> {key_of(edge.provider)} [label="{label}"{style}];\n'
    yield "}\n"


def mermaid(view: View) -> Iterator[str]:
    """The lines of a Mermaid flowchart."""
    yield "flowchart LR\n"
    for node in view.nodes:
        yield f'  {key_of(node.id)}["{_node_label(node, _mermaid_text, _MERMAID_BREAK)}"]\n'
    for fold in view.folded:
        yield f'  {key_of(fold.id)}[["{_mermaid_text(fold_words(fold))}"]]\n'
    for edge in view.edges:
        yield f"  {key_of(edge.dependent)} {_mermaid_arrow(edge)} {key_of(edge.provider)}\n"
    for state, colour in _COLOURS.items():
        hit = [key_of(node.id) for node in view.nodes if node.state == state]
        hit += [key_of(fold.id) for fold in view.folded if _fold_colour(fold) == colour]
        if hit:
            yield f"  classDef {state} fill:{colour}\n"
            yield f"  class {','.join(hit)} {state}\n"


_DOT_BREAK = r"\n"
_MERMAID_BREAK = "<br>"


def _data(where: str, fields: Mapping[str, str], values: Mapping[str, object]) -> str:
    return "".join(
        f'<data key="{where}_{name}">{_xml_text(str(values[name]))}</data>'
        for name in fields
        if values.get(name) is not None
    )


def _xml_text(text: str) -> str:
    # A bare carriage return would come back as a line feed.
    return escape(drawable(text), {"\r": "&#13;"})


def _dot_text(text: str) -> str:
    """As a label of Graphviz has it, which knows backslashes and the entities of HTML."""
    escaped = drawable(text).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return escaped.replace("\r\n", "\n").replace("\r", "\n").replace("\n", _DOT_BREAK)


def _mermaid_text(text: str) -> str:
    """As a quoted label of Mermaid has it: all but letters, digits and what is harmless as `#N;`.

    A colon is not harmless: a line with `style` before one and an entity behind loses a semicolon.
    """
    lines = drawable(text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _MERMAID_BREAK.join("".join(map(_mermaid_char, line)) for line in lines)


def _mermaid_char(char: str) -> str:
    return char if char.isalnum() or char in " -_.,/()×" else f"#{ord(char)};"


def _node_label(node: ViewNode, text: Callable[[str], str], line_break: str) -> str:
    below = [words(node.ci_class)]
    if node.state and node.state != "operational":
        below.append(words(node.state))
    if node.beyond:
        below.append(f"{node.beyond:,} more")
    return f"{text(node.name)}{line_break}{text(', '.join(below))}"


def _mermaid_arrow(edge: ViewEdge) -> str:
    arrow = "-.->" if edge.kind == "optional" else "-->"
    label = _mermaid_text(edge_words(edge))
    return f'{arrow}|"{label}"|' if label else arrow


def _fold_colour(fold: ViewFold) -> str | None:
    worst = next(iter(fold.states or ()), None)
    return _COLOURS.get(worst or "")
