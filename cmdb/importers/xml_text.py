"""XML without its dangers: no document type, no entity of its own, bounded depth and size."""

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from cmdb.importers.records import InputFile, Where
from cmdb.problems import problem
from cmdb.schemas import Problem


class _RefusedError(Exception):
    pass


def begins_xml(file: InputFile) -> bool:
    """Whether the first sign is that of an element or a declaration."""
    start = file.content[:64].removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"")
    return start.lstrip(b"\xff\xfe \t\r\n").startswith(b"<")


def parse_xml(file: InputFile, max_depth: int) -> Element | Problem:
    """The root element. A document type is refused before anything of it is read."""
    if not begins_xml(file):
        return problem("malformed_xml", "this is not XML", where=Where(file.name))
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > max_depth:
            raise _RefusedError("too_deep", f"nested deeper than {max_depth} levels")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def refuse_doctype(*_: object) -> None:
        raise _RefusedError("doctype_refused", "the file has a document type (<!DOCTYPE …>)")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse_doctype
    try:
        parser.Parse(file.content, True)
        return builder.close()
    except _RefusedError as error:
        code, message = error.args
        return problem(
            code,
            message,
            where=Where(file.name, parser.CurrentLineNumber),
            hint="export it anew; entities and document types are never followed",
        )
    except expat.ExpatError as error:
        return problem(
            "malformed_xml",
            f"this is not XML: {expat.ErrorString(error.code)}",
            where=Where(file.name, error.lineno),
            hint="the export may have been cut short; export it again",
        )
    except (ValueError, LookupError, AssertionError) as error:
        return problem("malformed_xml", f"this is not XML: {error}", where=Where(file.name))
