"""Records as search sees them, and the job that encodes what is new."""

from sqlalchemy.orm import Session

from kb.nouns import In, Noun, Out, Patch
from kb.stored import Fields
from opsatlas import jobs
from opsatlas.groups import UNGROUPED
from search.documents import TextDocument

ENCODE = "search.encode"
"""Kind of the job that gives new texts their vectors."""


def document(noun: Noun[In, Patch, Out], fields: Fields) -> TextDocument:
    """What is found of a record: its title, and its texts as paragraphs in reading order."""
    texts = [text for name in noun.texts if (text := fields[name].strip())]
    groups = frozenset(fields["visibility"]) if noun.restrictable else UNGROUPED
    return TextDocument(noun.kind, fields["number"], fields["title"], "\n\n".join(texts), groups)


def enqueue_encoding(session: Session) -> None:
    """Have new texts encoded once this unit of work is committed; one such job waits at most."""
    jobs.enqueue(session, ENCODE, {}, unique_key=ENCODE)
