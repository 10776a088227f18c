"""A caller's answers are those of a database that holds nothing but what that caller may read."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cmdb.snapshots import build
from kb import feedback, records, stored
from kb.duplicates import group_open_incidents
from kb.nouns import ARTICLES, CHANGES, INCIDENTS, KNOWN_ERRORS, NOUNS, Noun
from kb.schemas import FeedbackIn
from kb.suggest import suggest
from kb.suggest_schemas import Suggestion, SuggestionQuestion
from opsatlas.actor import Actor, Role
from opsatlas.db.engine import open_engine
from opsatlas.db.listing import parse_query
from opsatlas.db.transaction import reading, transaction
from opsatlas.groups import audience_of, may_read
from opsatlas.settings import Settings
from search.encoding import encode_missing
from search.retriever import Retriever
from tests.kb.builders import add_cis
from tests.search.conftest import HashingEmbedder

ADMIN = Actor("root", Role.ADMIN)
AT = datetime(2026, 3, 4, 12, tzinfo=UTC)
GROUPS = ["dba", "payments", "red team"]
MEANING = ["garlo", "fempa", "wudik", "tobel"]
"""Words without a meaning: of any text each is one term, so that all documents are equally long;
the mean length of a document is the one thing that is taken of all of them."""
OWN = ["zalan", "zebin", "zicor", "zodup", "zufar", "zyget", "zahim", "zelop", "zimot", "zonur"]
"""A word that only one record has, so that no two are equally good."""

visibilities = st.sets(st.sampled_from(GROUPS), max_size=2).map(sorted)
symptoms = st.lists(st.sampled_from(MEANING), min_size=3, max_size=3).map(" ".join)


@dataclass
class World:
    """Records as they are created: fields by number; and who said that what helped where."""

    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    nouns: dict[str, Noun[Any, Any, Any]] = field(default_factory=dict)
    said: list[tuple[str, str, str]] = field(default_factory=list)

    def as_read(self, groups: frozenset[str] | None) -> "World":
        """What of it a caller may read, and the numbers in it that name nothing hidden."""
        hidden = {
            number
            for number, fields in self.fields.items()
            if not may_read(audience_of(fields.get("visibility", ())), groups)
        }
        seen = World(nouns=self.nouns)
        for number, fields in self.fields.items():
            if number not in hidden:
                seen.fields[number] = {
                    name: _without(value, hidden) for name, value in fields.items()
                }
        seen.said = [each for each in self.said if hidden.isdisjoint(each[:2])]
        return seen


def _without(value: Any, hidden: set[str]) -> Any:
    if isinstance(value, list):
        return [each for each in value if each not in hidden]
    return None if value in hidden else value


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World()
    known_errors = [f"KE-{n}" for n in range(draw(st.integers(0, 2)))]
    incidents = [f"INC-{n}" for n in range(draw(st.integers(1, 5)))]
    articles = [f"KB-{n}" for n in range(draw(st.integers(0, 2)))]
    own = iter(OWN)

    def add(number: str, noun: Noun[Any, Any, Any], texts: tuple[str, str], **fields: Any) -> None:
        word = next(own)
        what, how = texts
        title = {"number": number, "title": f"{draw(st.sampled_from(MEANING))} {word}"}
        world.fields[number] = title | {what: draw(symptoms), how: f"do {word}"} | fields
        world.fields[number]["visibility"] = draw(visibilities)
        world.nouns[number] = noun

    for number in known_errors:
        add(number, KNOWN_ERRORS, ("description", "workaround"))
    for n, number in enumerate(incidents):
        is_open = draw(st.booleans())
        ended: dict[str, Any] = {"status": "closed", "resolution_code": "workaround"}
        add(
            number,
            INCIDENTS,
            ("description", "workaround"),
            known_error=draw(st.sampled_from([None, "KE-0", "KE-1", "KE-9"])),
            opened_at=AT - timedelta(minutes=10 * n + 1),
            cis=draw(st.sampled_from([[], ["db-1"]])),
            **({"status": "open"} if is_open else ended),
        )
    for number in articles:
        add(number, ARTICLES, ("body", "body"))
        links = {"known_errors": known_errors, "superseded_by": articles}
        body = f"{draw(symptoms)} do {world.fields[number]['title'].split()[1]}"
        world.fields[number] |= {"body": body} | {
            name: draw(st.lists(st.sampled_from(of), unique=True, max_size=2)) if of else []
            for name, of in links.items()
        }
    numbers = draw(st.lists(st.sampled_from(incidents), unique=True))
    world.fields["CHG-1"] = {"number": "CHG-1", "title": "a change", "incidents": numbers}
    world.nouns["CHG-1"] = CHANGES
    suggested = st.sampled_from([*known_errors, *incidents, *articles])
    outcomes = st.sampled_from(["resolved", "helped", "not_helped"])
    world.said = draw(
        st.lists(
            st.tuples(suggested, st.sampled_from([*incidents, "INC-77"]), outcomes), max_size=5
        )
    )
    return world


@contextmanager
def database(template: Path, world: World) -> Iterator[Engine]:
    """A database of its own that holds this."""
    with tempfile.TemporaryDirectory(prefix="opsatlas-visibility-") as folder:
        shutil.copy(template, Path(folder) / "opsatlas.db")
        engine = open_engine(Settings(_env_file=None, data_dir=Path(folder)))
        with transaction(engine) as session:
            add_cis(session, "db-1")
            for number, fields in world.fields.items():
                noun = world.nouns[number]
                records.create(session, ADMIN, noun, [noun.input.model_validate(fields)])
            for suggestion, incident, outcome in world.said:
                given_ = {"suggestion": suggestion, "incident": incident, "outcome": outcome}
                feedback.record(session, ADMIN, FeedbackIn.model_validate(given_))
        encode_missing(engine, HashingEmbedder(), batch_size=64)
        yield engine
        engine.dispose()


def listed(session: Session, groups: frozenset[str] | None) -> dict[str, Any]:
    """All lists of records, with their counts."""
    own = {"version", "created_at", "updated_at"}
    query = parse_query({"ordering": ["number"]}, 50)
    found = {}
    nouns: tuple[Noun[Any, Any, Any], ...] = NOUNS
    for noun in nouns:
        page = stored.list_records(session, noun, query, groups)
        found[noun.kind.value] = page.count, [each.model_dump(exclude=own) for each in page.results]
    return found


def told(suggestions: Iterable[Suggestion]) -> dict[str, Mapping[str, Any]]:
    """What suggestions say beside their scores."""
    return {
        each.id: {
            "title": each.title,
            "do": (each.workaround, each.fix),
            "incidents": sorted(each.incidents),
            "tried": (each.evidence.solved, each.evidence.not_helped),
            "seen": (each.evidence.last_seen, each.evidence.nearest_ci),
            "caveats": each.evidence.caveats,
        }
        for each in suggestions
    }


def scored(suggestions: Iterable[Suggestion]) -> dict[str, tuple[float, ...]]:
    """Their scores."""
    return {
        each.id: (
            each.score,
            each.confidence,
            each.evidence.lexical,
            each.evidence.track_record,
            each.evidence.semantic or 0.0,
        )
        for each in suggestions
    }


@hypothesis_settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    world=worlds(),
    groups=st.none() | st.frozensets(st.sampled_from(GROUPS), max_size=2),
    text=st.lists(st.sampled_from([*MEANING, *OWN, "unheard"]), min_size=2, max_size=4).map(
        " ".join
    ),
)
def test_answers_and_lists_are_those_of_a_database_without_what_may_not_be_read(
    sqlite_template: Path, world: World, groups: frozenset[str] | None, text: str
) -> None:
    question = SuggestionQuestion(text=text, limit=50, cis=["db-1"])
    answers = []
    for held, reader in ((world, groups), (world.as_read(groups), None)):
        with database(sqlite_template, held) as engine, reading(engine) as session:
            retriever = Retriever(engine, HashingEmbedder())
            graph = build(session)
            answer = suggest(session, retriever, graph, question, reader, at=AT)
            grouped = group_open_incidents(
                session, retriever.current(), graph.snapshot, groups=reader
            )
            lists = listed(session, reader)
            answers.append((answer, grouped, lists))
    (mine, my_groups, my_lists), (oracle, its_groups, its_lists) = answers
    assert my_lists == its_lists
    assert told(mine.suggestions) == told(oracle.suggestions)
    scores, expected = scored(mine.suggestions), scored(oracle.suggestions)
    assert all(scores[number] == pytest.approx(expected[number], abs=0.01) for number in expected)
    assert [each.number for each in mine.duplicates] == [each.number for each in oracle.duplicates]
    assert mine.duplicate_of == oracle.duplicate_of
    assert [each.incidents for each in my_groups.groups] == [
        each.incidents for each in its_groups.groups
    ]
    assert mine.confidence == pytest.approx(oracle.confidence, abs=0.01)
