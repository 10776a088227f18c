"""How good suggestions are on judged questions about the seed data; the table is printed.

The floors are what was measured, less a few points that another machine may cost. Confidence was
fitted on these questions, so its rates flatter; docs/quality.md has the cross-validated ones.
"""

import shutil
from collections.abc import Iterator
from statistics import mean

import pytest
from rich.console import Console
from rich.table import Table

from bench.metrics import ndcg, recall, reciprocal_rank
from bench.seeded import AS_OF, JudgedQuestion, judged_questions, seeded
from kb.suggest import suggest
from kb.suggest_schemas import SuggestionAnswer, Verdict
from opsatlas.db.transaction import reading
from tests.demo_run import DemoRun

pytestmark = pytest.mark.slow

FLOORS = {
    "nDCG@10": 0.88,
    "recall@5": 0.87,
    "MRR@10": 0.87,
    "covered, not lost": 0.87,
    "uncovered, recognised": 0.80,
}
"""Least value of each figure, 0 to 1."""

Answered = list[tuple[JudgedQuestion, SuggestionAnswer]]


@pytest.fixture(scope="module")
def answered(first_demo: DemoRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answered]:
    """Every judged question with the product's answer, by the real model."""
    folder = tmp_path_factory.mktemp("judged")
    shutil.copytree(first_demo.data, folder, dirs_exist_ok=True)
    with seeded(folder) as found, reading(found.engine) as session:
        yield [
            (judged, suggest(session, found.retriever, found.graph, judged.question, at=AS_OF))
            for judged in judged_questions()
        ]


def test_the_judged_questions_are_as_many_and_as_mixed_as_they_should_be() -> None:
    questions = judged_questions()
    assert len(questions) >= 250
    assert sum(not judged.relevance for judged in questions) >= 60
    assert any(judged.question.cis for judged in questions)


def test_suggestions_hold_their_floors_on_the_judged_questions(answered: Answered) -> None:
    figures = measure(answered)
    table = Table(title=f"{len(answered)} judged questions over the seed data")
    for column in ("figure", "measured", "floor"):
        table.add_column(column)
    for name, figure in figures.items():
        table.add_row(name, f"{figure:.3f}", f"{FLOORS[name]:.2f}")
    Console(width=80).print(table)
    below = {name: figure for name, figure in figures.items() if figure < FLOORS[name]}
    assert below == {}


def measure(answered: Answered) -> dict[str, float]:
    """Ranking over the covered questions, verdicts over all."""
    covered = [(judged, answer) for judged, answer in answered if judged.relevance]
    uncovered = [answer for judged, answer in answered if not judged.relevance]
    ranked = [([each.id for each in answer.suggestions], judged) for judged, answer in covered]
    return {
        "nDCG@10": mean(ndcg(ids, judged.relevance) for ids, judged in ranked),
        "recall@5": mean(recall(ids, judged.relevance, 5) for ids, judged in ranked),
        "MRR@10": mean(reciprocal_rank(ids, judged.relevance) for ids, judged in ranked),
        "covered, not lost": mean(answer.verdict != Verdict.NO_MATCH for _, answer in covered),
        "uncovered, recognised": mean(answer.verdict == Verdict.NO_MATCH for answer in uncovered),
    }
