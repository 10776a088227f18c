"""Suggestions on the judged questions over the seed data: figures, ablation, the worst questions.

    python -m bench.judged [--cache DIR] [--worst 30] [--json]

Beside the product, in the same run, what a single ranker would list: BM25 alone, vectors alone and
their reciprocal ranks, each record standing for its suggestion as in the product. Then the product
with each signal left out. `--worst N` prints the N worst questions as a page in Markdown.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from unittest.mock import patch

from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

import kb.vouching
import kb.weighing
from bench.metrics import METRICS
from bench.seeded import AS_OF, JudgedQuestion, Seeded, judged_questions, seeded
from kb.weighing import Weighed, weigh
from opsatlas.db.transaction import reading
from opsatlas.logs import configure
from search.fusion import WEIGHTS, Signal, reciprocal_ranks
from search.models import SearchDocument

_DEPTH = 100
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Answered:
    """One covered question, with what the product made of it and the rankings by run."""

    judged: JudgedQuestion
    weighed: list[Weighed]
    rankings: dict[str, list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, help="folder that keeps the encoded seed data")
    parser.add_argument("--worst", type=int, default=0, metavar="N")
    parser.add_argument("--first", type=int, default=1, help="number of the first question")
    parser.add_argument("--last", type=int, default=None, help="number of the last question")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    configure("warning")
    questions = judged_questions()[arguments.first - 1 : arguments.last]
    covered = [each for each in questions if each.relevance]
    with seeded(arguments.cache) as found, reading(found.engine) as session:
        answered = ask(session, found, covered)
    if arguments.json:
        print(json.dumps({"questions": len(answered), "runs": measure(answered)}))
    elif arguments.worst:
        print(worst_page(answered, arguments.worst))
    else:
        _print_table(len(answered), measure(answered))


def variants() -> dict[str, AbstractContextManager[object]]:
    """The product, and the product with one thing left out, by name."""
    without: dict[str, AbstractContextManager[object]] = {
        "graph": patch.object(kb.weighing, "GRAPH_WEIGHT", 0.0),
        "track record": patch.object(kb.weighing, "TRACK_WEIGHT", 0.0),
        "vouching": patch.object(kb.vouching, "VOUCHED", 0.0),
    }
    for signal in Signal:
        without[signal.value] = patch.dict(WEIGHTS, {signal: 0.0})
    return {"product": nullcontext(), **{f"without {name}": each for name, each in without.items()}}


def ask(session: Session, found: Seeded, covered: Sequence[JudgedQuestion]) -> list[Answered]:
    """Every question, by every variant and rival."""
    keys = {
        row.id: row.key for row in session.execute(select(SearchDocument.id, SearchDocument.key))
    }
    answered: list[Answered] = []
    for name, variant in variants().items():
        with variant:
            for at, judged in enumerate(covered):
                weighed = weigh(
                    session, found.retriever, found.graph, judged.question, AS_OF, None
                ).weighed
                if name == "product":
                    answered.append(
                        Answered(judged, weighed, _rivals(found, judged, weighed, keys))
                    )
                answered[at].rankings[name] = [each.group.head.number for each in weighed]
    return answered


def _rivals(
    found: Seeded, judged: JudgedQuestion, weighed: Sequence[Weighed], keys: Mapping[int, str]
) -> dict[str, list[str]]:
    """What single rankers list, and their reciprocal ranks; records stand for their suggestions."""
    collection = found.retriever.refresh()
    text = judged.question.text
    lexical = list(collection.lexical_ranking(collection.query(text, (), None), _DEPTH, None, None))
    vector = found.embedder.encode_questions([text])[0]
    dense = list(collection.semantic_ranking(vector, _DEPTH, None, None))
    heads = {
        member.number: each.group.head.number for each in weighed for member in each.group.members
    }
    runs = {"lexical": lexical, "dense": dense, "rrf": list(reciprocal_ranks(lexical, dense))}
    return {
        name: list(dict.fromkeys(heads.get(keys[id_], keys[id_]) for id_ in ids))
        for name, ids in runs.items()
    }


def measure(answered: Sequence[Answered]) -> dict[str, dict[str, float]]:
    """The mean of each metric by run."""
    return {
        run: {
            name: round(mean(metric(a.rankings[run], a.judged.relevance) for a in answered), 4)
            for name, metric in METRICS.items()
        }
        for run in answered[0].rankings
    }


def worst_page(answered: Sequence[Answered], count: int) -> str:
    """The worst questions by nDCG@10: what was wanted, on which place, and what came instead."""
    ndcg = METRICS["ndcg@10"]
    scored = sorted(
        ((ndcg(a.rankings["product"], a.judged.relevance), a.judged.id, a) for a in answered),
        key=lambda each: each[:2],
    )
    lines: list[str] = []
    for score, id_, each in scored[:count]:
        ranking = each.rankings["product"]
        titles = {w.group.head.number: w.group.head.title for w in each.weighed}
        lines += [f"### {id_}, nDCG@10 {score:.2f}", "", *_quoted(each.judged.question.text), ""]
        for number, grade in sorted(each.judged.relevance.items(), key=lambda item: -item[1]):
            place = f"place {ranking.index(number) + 1}" if number in ranking else "not found"
            single = ", ".join(
                f"{run} {each.rankings[run].index(number) + 1}"
                for run in ("lexical", "dense")
                if number in each.rankings[run]
            )
            told = f" ({single})" if single else ""
            lines.append(
                f"- wanted {number} (grade {grade}): {place}{told} {titles.get(number, '')}"
            )
        lines += [
            f"- came {number}: {titles[number]}"
            for number in ranking[:_SHOWN]
            if number not in each.judged.relevance
        ]
        lines.append("")
    return "\n".join(lines)


def _quoted(text: str) -> list[str]:
    return [f"> {line}" for line in text.splitlines()[:4]]


def _print_table(count: int, figures: Mapping[str, Mapping[str, float]]) -> None:
    table = Table(title=f"{count} judged questions over the seed data")
    table.add_column("run")
    for name in METRICS:
        table.add_column(name, justify="right")
    for run, values in figures.items():
        table.add_row(run, *(f"{values[name]:.3f}" for name in METRICS))
    Console().print(table)


if __name__ == "__main__":
    main()
