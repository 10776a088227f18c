"""Whether encoding the questions of several callers together costs less than one after another.

    python -m bench.questions_together [--questions 96] [--rounds 3] [--torch] [--json]

Processor time a question, since that is what limits how many are answered a second; each question
is two texts, itself and its title, as the retriever encodes it. The best of the rounds counts.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from typing import Any

from search.embedder import Embedder
from search.onnx_embedder import OnnxEmbedder
from search.query import understand
from search.sentence_embedder import SentenceTransformerEmbedder

_JUDGED = Path(__file__).parent.parent / "tests" / "judged" / "queries.jsonl"
_TOGETHER = (1, 2, 4, 8, 16)


def main() -> None:
    options = _arguments()
    embedders: dict[str, Embedder] = {
        "fp32": OnnxEmbedder.load(),
        "int8": OnnxEmbedder.load(int8=True),
    }
    if options.torch:
        embedders["torch"] = SentenceTransformerEmbedder.load()
    questions = _questions(options.questions)
    report = {
        name: _measured(embedder, questions, options.rounds) for name, embedder in embedders.items()
    }
    if options.json:
        print(json.dumps(report, indent=2))
        return
    print(f"{'processor ms a question':<26}" + "".join(f"{count:>8}" for count in _TOGETHER))
    for name, row in report.items():
        print(f"{name:<26}" + "".join(f"{row['ms'][str(count)]:>8}" for count in _TOGETHER))
        print(f"{'  of alone':<26}" + "".join(f"{row['ratios'][str(c)]:>8}" for c in _TOGETHER))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.questions_together")
    parser.add_argument("--questions", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--torch", action="store_true", help="sentence-transformers, too")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _questions(count: int) -> list[list[str]]:
    """The texts of each: the question and, where it differs, its title."""
    lines = _JUDGED.read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    random.Random(1).shuffle(texts)
    return [list(dict.fromkeys((text, understand(text).title))) for text in texts[:count]]


def _measured(embedder: Embedder, questions: list[list[str]], rounds: int) -> dict[str, Any]:
    embedder.encode_questions(["the first call allocates"])
    best = dict.fromkeys(_TOGETHER, float("inf"))
    for _ in range(rounds):
        for count in _TOGETHER:
            started = time.process_time()
            for start in range(0, len(questions), count):
                some = questions[start : start + count]
                embedder.encode_questions([text for texts in some for text in texts])
            best[count] = min(best[count], (time.process_time() - started) / len(questions))
    return {
        "ms": {str(count): round(taken * 1000, 2) for count, taken in best.items()},
        "ratios": {str(count): round(taken / best[1], 2) for count, taken in best.items()},
    }


if __name__ == "__main__":
    main()
