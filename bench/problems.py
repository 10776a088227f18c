"""How well incidents of one cause, and alerts of one failure, are found to be so.

    python -m bench.problems [--cache DIR] [--scenes 40] [--fit] [--json]

Problem candidates: the incidents of the seed data with the links to their known errors hidden;
a pair is right where both have one known error. Beside the product's clusters: the same by words or
by meaning alone, the connected components (single linkage), k-means on the vectors with the true
number of clusters told, and equal titles. Each with the threshold that suits it best; for the
product's also with a threshold chosen on half of the known errors and tried on the others.

Duplicates: generated storms with near misses (`bench/storms.py`). Half of the scenes are for
fitting (`--fit` prints the constants of `kb/same_trouble.py`), the figures are of the others.
"""

import argparse
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import KMeans
from sqlalchemy import select
from sqlalchemy.orm import Session

from bench.seeded import Seeded, seeded
from bench.storm_pairs import measure_storms
from kb.clusters import clusters
from kb.models import Incident
from kb.problem_candidates import SIMILARITY
from opsatlas.db.transaction import reading
from search.comparison import compare, texts_of
from search.likeness import Matrix, likeness_of_meaning, likeness_of_words
from search.models import SearchDocument

HALVES = 40
"""Splits of the known errors into two halves."""

Flags = NDArray[np.bool_]
Clusterer = Callable[[float], Sequence[Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Scores:
    """Of pairs: how many that are put together belong together, and the other way round."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True, slots=True)
class Hidden:
    """The incidents of the seed data, and which of them have one known error."""

    likeness: Matrix
    words: Matrix
    meaning: Matrix
    vectors: NDArray[np.float32]
    """(n, d): the mean of each incident's passages."""
    titles: list[str]
    known_errors: NDArray[Any]

    @property
    def same(self) -> Flags:
        """(n, n)."""
        named = self.known_errors != ""
        names = self.known_errors
        same: Flags = (names[:, None] == names[None, :]) & named[:, None]
        return same


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, help="folder that keeps the encoded seed data")
    parser.add_argument("--scenes", type=int, default=40, help="generated storms")
    parser.add_argument("--fit", action="store_true", help="print constants from the first half")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with seeded(arguments.cache) as found:
        with reading(found.engine) as session:
            hidden = hide(found, session)
        report = {
            "problem_candidates": measure_candidates(hidden),
            "duplicates": measure_storms(found, arguments.scenes, fit=arguments.fit),
        }
    if arguments.json:
        print(json.dumps(report, indent=1))
        return
    for name, measured in report.items():
        print(f"\n{name.replace('_', ' ')}")
        for key, value in measured.items():
            print(f"  {key:42} {_told(value)}")


def hide(found: Seeded, session: Session) -> Hidden:
    """All incidents, compared as the product compares those without a known error."""
    rows = session.execute(
        select(SearchDocument.id, Incident.title, Incident.known_error)
        .join(Incident, Incident.number == SearchDocument.key)
        .where(SearchDocument.kind == "incident")
        .order_by(Incident.opened_at)
    ).all()
    collection = found.retriever.refresh()
    texts = texts_of(session, [row.id for row in rows])
    ordered = {row.id: texts[row.id] for row in rows}
    compared = compare(collection, ordered, None)
    vectors = [each for each in collection.vectors_of(list(ordered)) if each is not None]
    return Hidden(
        compared.likeness,
        likeness_of_words(compared.texts, compared.idf),
        likeness_of_meaning(vectors),
        np.stack([each.mean(axis=0) for each in vectors]),
        [row.title for row in rows],
        np.array([row.known_error or "" for row in rows]),
    )


def measure_candidates(hidden: Hidden) -> dict[str, Any]:
    """Pairwise scores of the product and of its rivals."""
    same = hidden.same
    thresholds = np.round(np.arange(0.06, 0.9, 0.02), 2)
    count = len(set(hidden.known_errors)) - 1 + int((hidden.known_errors == "").sum())
    ways: dict[str, Clusterer] = {
        "words and meaning": lambda at: clusters(hidden.likeness, at),
        "words alone": lambda at: clusters(hidden.words, at),
        "meaning alone": lambda at: clusters(hidden.meaning, at),
        "connected components of the same": lambda at: _components(hidden.likeness, at),
        "k-means, true number told": lambda _: _k_means(hidden.vectors, count),
        "equal titles": lambda _: _equal(hidden.titles),
    }
    report: dict[str, Any] = {
        "incidents": len(hidden.titles),
        "right_pairs": int(np.triu(same, 1).sum()),
        f"product, at {SIMILARITY}": _as_dict(score(clusters(hidden.likeness, SIMILARITY), same)),
        "product, threshold chosen on the other half": _halves(hidden, thresholds.tolist()),
    }
    for name, way in ways.items():
        tried = [0.0] if "told" in name or "titles" in name else thresholds.tolist()
        best = max(tried, key=lambda at: score(way(at), same).f1)
        report[f"{name}, best at {best}"] = _as_dict(score(way(best), same))
    return report


def score(found: Sequence[Sequence[int]], same: Flags) -> Scores:
    """Pairwise precision and recall of clusters; `same` says of each pair whether it is right."""
    together = np.zeros_like(same)
    for rows in found:
        together[np.ix_(rows, rows)] = True
    pairs = np.triu_indices(len(same), 1)
    right = int((together & same)[pairs].sum())
    put, wanted = int(together[pairs].sum()), int(same[pairs].sum())
    return Scores(right / put if put else 0.0, right / wanted if wanted else 0.0)


def _halves(hidden: Hidden, thresholds: Sequence[float]) -> dict[str, float]:
    """Mean scores on known errors that the threshold was not chosen on."""
    dice = random.Random(7)
    names = sorted(set(hidden.known_errors) - {""})
    tried = []
    for _ in range(HALVES):
        chosen = set(dice.sample(names, len(names) // 2))
        mine = np.array([name in chosen for name in hidden.known_errors])
        one, other = (np.flatnonzero(side) for side in (mine, ~mine))
        best = max(thresholds, key=lambda at: _on(hidden, one, at).f1)
        tried.append(_on(hidden, other, best))
    return {
        "precision": round(float(np.mean([each.precision for each in tried])), 3),
        "recall": round(float(np.mean([each.recall for each in tried])), 3),
    }


def _on(hidden: Hidden, rows: NDArray[np.int64], at: float) -> Scores:
    among = np.ix_(rows, rows)
    return score(clusters(hidden.likeness[among], at), hidden.same[among])


def _components(likeness: Matrix, at: float) -> list[list[int]]:
    count, label = connected_components(csr_matrix(likeness >= at), directed=False)
    return [np.flatnonzero(label == each).tolist() for each in range(count)]


def _k_means(vectors: NDArray[np.float32], count: int) -> list[list[int]]:
    labels = KMeans(count, n_init=10, random_state=0).fit_predict(vectors)
    return [np.flatnonzero(labels == each).tolist() for each in np.unique(labels)]


def _equal(titles: Sequence[str]) -> list[list[int]]:
    rows: dict[str, list[int]] = {}
    for row, title in enumerate(titles):
        rows.setdefault(title.casefold(), []).append(row)
    return list(rows.values())


def _as_dict(scores: Scores) -> dict[str, float]:
    return {"precision": round(scores.precision, 3), "recall": round(scores.recall, 3)}


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name} {each}" for name, each in value.items())
    return str(value)


if __name__ == "__main__":
    main()
