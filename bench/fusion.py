"""How the fusion's weights were chosen: nested cross-validation over several judged sets at once.

    python -m bench.fusion --set eval/k8s-alerts --set eval/hadoop --cache DIR

Each set is a folder with corpus.jsonl, queries.jsonl and qrels.tsv. A set whose queries have
several lines counts twice: as it is, and with each query cut to its first line, since people
under pressure write one. Prints what cross-validation yields on unseen queries and on unseen
sets, the middle of the plateau of good weights, and the weights in use, with each signal left out,
beside each signal alone.
"""

import argparse
import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.judged_set import Filled, filled_with, read_judged_folder
from bench.metrics import ndcg
from opsatlas.db.transaction import reading
from search.collection import Question
from search.fusion import LATE_DEPTH, LATE_WEIGHT, WEIGHTS, Signal, scale
from search.late_interaction import encode_question
from search.query import understand
from search.question_encoder import EncodedQuestion, EncodedText
from search.retriever import close_to, first_line

# BM25 of the whole query is the yardstick; the others are tried around it.
GRID: dict[Signal, tuple[float, ...]] = {
    Signal.LEXICAL: (1.0,),
    Signal.LEXICAL_LINE: (0.0, 0.25, 0.4, 0.5),
    Signal.LEXICAL_TITLE: (0.0, 0.2, 0.4),
    Signal.SEMANTIC: (0.5, 0.75, 1.1, 1.5),
    Signal.SEMANTIC_LINE: (0.4, 0.75, 1.2, 1.6),
    Signal.TITLE_LINE: (0.0, 0.1, 0.25, 0.5),
}
LATE_GRID = (0.0, 0.25, 0.5)
LATE = "late"
FOLDS = 5
REPEATS = 10
# Weights whose mean is within this of the best are as good: a single query of 42 moves .02.
PLATEAU = 0.005
_CANDIDATES = 100

Weights = NDArray[np.float64]
"""(w, signals + 1): a row of weights in the order of `Signal`, then that of late interaction."""


class Scaled(NamedTuple):
    """One query and its n candidates."""

    signals: NDArray[np.float64]
    """(signals, n), scaled."""
    late: NDArray[np.float64]
    """(n,), not scaled: that is done among the first of each weighting."""
    keys: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", type=Path, action="append", required=True, dest="folders")
    parser.add_argument("--cache", type=Path, help="folder that keeps the encoded corpora")
    arguments = parser.parse_args()
    grid = np.array(list(itertools.product(*(GRID[name] for name in Signal), LATE_GRID)))
    in_use = np.array([*(WEIGHTS[name] for name in Signal), LATE_WEIGHT])
    only = np.eye(len(in_use))
    tried = np.vstack([grid, in_use, in_use * (1 - only), only])
    gains: dict[str, NDArray[np.float64]] = {}
    for folder in arguments.folders:
        for name, queries, relevance in _scaled_queries(folder, arguments.cache):
            gains[name] = _ndcg_of(tried, queries, relevance, name)
    _report(grid, {name: found[: len(grid)] for name, found in gains.items()})
    _print_in_use({name: found[len(grid) :].mean(axis=1) for name, found in gains.items()})


def _scaled_queries(
    folder: Path, cache: Path | None
) -> Iterator[tuple[str, list[Scaled], list[dict[str, int]]]]:
    """The set as it is, and cut to first lines where that is another one."""
    judged = read_judged_folder(folder)
    relevance = [judged.relevance[query] for query in judged.queries]
    whole = list(judged.queries.values())
    lines = [first_line(text) for text in whole]
    with filled_with(judged.documents, cache) as filled:
        yield folder.name, [_scaled(filled, text) for text in whole], relevance
        if lines != whole:
            yield f"{folder.name}, first lines", [_scaled(filled, t) for t in lines], relevance


def _scaled(filled: Filled, text: str) -> Scaled:
    line = first_line(text)
    understood = understand(text)
    whole, title = (
        EncodedText(*encode_question(filled.embedder, each)) for each in (text, understood.title)
    )
    query = partial(filled.collection.query, keys=understood.keys)
    found = filled.collection.candidates(
        Question(query(text), query(line), whole.vector, title.vector), _CANDIDATES
    )
    read, every = EncodedQuestion(whole, title), range(len(found.ids))
    with reading(filled.engine) as session:
        close = close_to(read, session, filled.embedder.model_id, found, every)
    return Scaled(
        np.array([scale(found.signals[name]) for name in Signal]),
        np.array([np.nan if each is None else each.mean for each in close]),
        [filled.keys[id_] for id_ in found.ids],
    )


def _best_ten(tried: Weights, query: Scaled) -> NDArray[np.int64]:
    """(weights, up to 10): the candidates that come first by each weighting."""
    fused = tried[:, :-1] @ query.signals
    first = np.argsort(-fused, axis=1, kind="stable")[:, : max(LATE_DEPTH, 10)]
    late = query.late[first]
    late[:, LATE_DEPTH:] = np.nan
    least = np.nanmin(late, axis=1, keepdims=True)
    spread = np.nanmax(late, axis=1, keepdims=True) - least
    closer = np.nan_to_num((late - least) / np.where(spread, spread, 1.0))
    again = np.take_along_axis(fused, first, axis=1) + tried[:, -1:] * closer
    order = np.argsort(-again, axis=1, kind="stable")[:, :10]
    best: NDArray[np.int64] = np.take_along_axis(first, order, axis=1)
    return best


def _ndcg_of(
    tried: Weights, queries: list[Scaled], relevance: list[dict[str, int]], name: str
) -> NDArray[np.float64]:
    """(weights, queries) nDCG@10."""
    gains = np.empty((len(tried), len(queries)))
    for column, query in enumerate(track(queries, name, console=_progress())):
        for row, order in enumerate(_best_ten(tried, query)):
            gains[row, column] = ndcg([query.keys[i] for i in order], relevance[column])
    return gains


def _report(grid: Weights, gains: dict[str, NDArray[np.float64]]) -> None:
    means = np.mean([found.mean(axis=1) for found in gains.values()], axis=0)
    plateau = means >= means.max() - PLATEAU
    table = Table(title=f"{len(grid)} weightings, nDCG@10")
    for column in ("", *gains, *Signal, LATE):
        table.add_column(column)

    def row(label: str, values: dict[str, float], weights: NDArray[np.float64] | None) -> None:
        shown = [f"{w:.2f}" for w in weights] if weights is not None else []
        table.add_row(label, *(f"{value:.3f}" for value in values.values()), *shown)

    best = int(means.argmax())
    row("best on all of it", {n: g[best].mean() for n, g in gains.items()}, grid[best])
    held_out, chosen = _cross_validated(gains)
    row("unseen queries", held_out, grid[chosen].mean(axis=0))
    for unseen in gains:
        others = [found.mean(axis=1) for name, found in gains.items() if name != unseen]
        at = int(np.mean(others, axis=0).argmax()) if others else best
        row(f"unseen {unseen}", {n: g[at].mean() for n, g in gains.items()}, grid[at])
    row(
        f"plateau ({plateau.sum()})",
        {n: g[plateau].mean() for n, g in gains.items()},
        grid[plateau].mean(axis=0),
    )
    Console().print(table)


def _cross_validated(gains: dict[str, NDArray[np.float64]]) -> tuple[dict[str, float], list[int]]:
    """nDCG@10 of queries that had no say in their weights, and the weightings that were chosen."""
    random = np.random.default_rng(0)
    sums = dict.fromkeys(gains, 0.0)
    chosen: list[int] = []
    for _ in range(REPEATS):
        folds = {n: random.permutation(g.shape[1]) % FOLDS for n, g in gains.items()}
        for fold in range(FOLDS):
            seen = [g[:, folds[n] != fold].mean(axis=1) for n, g in gains.items()]
            chosen.append(int(np.mean(seen, axis=0).argmax()))
            for name, found in gains.items():
                sums[name] += found[chosen[-1], folds[name] == fold].sum()
    return {n: sums[n] / (REPEATS * g.shape[1]) for n, g in gains.items()}, chosen


def _print_in_use(means: dict[str, NDArray[np.float64]]) -> None:
    table = Table(title="The weights in use, each signal left out, and each alone, nDCG@10")
    for column in ("", *means):
        table.add_column(column)
    names = [*Signal, LATE]
    labels = ["in use", *(f"without {s}" for s in names), *(f"{s} alone" for s in names)]
    for row, label in enumerate(labels):
        table.add_row(label, *(f"{found[row]:.3f}" for found in means.values()))
    Console().print(table)


def _progress() -> Console:
    return Console(stderr=True)


if __name__ == "__main__":
    main()
