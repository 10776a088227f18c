"""Fit how sure suggestions are, on judged questions, and say how often that errs.

    python -m bench.confidence [--judged tests/judged] [--cache DIR] [--json]

Asks every judged question of the product over the seed data, with the model and with words alone,
and fits a logistic function of the signals to whether a suggestion helps (grade 2 or 3). Error
rates come from cross-validation: coefficients and thresholds are chosen on four fifths of the
questions and tried on the rest. The coefficients that it prints at the end, from all questions,
go into `kb/confidence.py`.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from bench.seeded import AS_OF, JUDGED, JudgedQuestion, Seeded, judged_questions, seeded
from kb.confidence import LOOKED_AT, NAMES, Platt, any_of
from kb.weighing import weigh
from opsatlas.db.transaction import reading
from opsatlas.logs import configure
from search.embedder import Embedder, ModelUnavailableError, Vectors
from search.retriever import Retriever

HELPS = 2
"""Grade from which a suggestion helps: grade 1 is background."""
FOLDS, REPEATS = 5, 20
LOST = 0.09
"""Share of covered questions that are answered `no_match`; of those held out it is .10."""
PRECISE = 0.94
"""Share of `match` answers of which one of the first suggestions is to help."""
WITH_MODEL = tuple(name for name in NAMES if not name.endswith("met"))
WORDS_ONLY = ("coverage", "words", "margin", "found", "keys")

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: the signals of its first suggestions, and whether each helps."""

    covered: bool
    features: Numbers
    helps: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fitted:
    """Coefficients and the two thresholds."""

    model: LogisticRegression
    columns: list[int]
    platt: Platt
    match_from: float = 0.0
    weak_from: float = 0.0

    def confidences(self, asked: Asked) -> Numbers:
        """Of its first suggestions."""
        found: Numbers = self.model.predict_proba(asked.features[:, self.columns])[:, 1]
        return found


class _NoModel:
    """An embedder that never gets warm: answers are by words alone."""

    model_id, dimensions = "none", 384

    def encode(self, texts: Sequence[str]) -> Vectors:
        raise ModelUnavailableError("left out to measure words alone")

    def encode_questions(self, texts: Sequence[str]) -> Vectors:
        return self.encode(texts)


class _NoWords:
    """An embedder that does not tell the words of a text."""

    def __init__(self, embedder: Embedder) -> None:
        self.model_id, self.dimensions = embedder.model_id, embedder.dimensions
        self.encode, self.encode_questions = embedder.encode, embedder.encode_questions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judged", type=Path, default=JUDGED)
    parser.add_argument("--cache", type=Path, help="folder that keeps the encoded seed data")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    configure("warning")
    questions = judged_questions(arguments.judged)
    with seeded(arguments.cache) as found:
        without = Retriever(found.engine, _NoWords(found.embedder))
        runs = {
            "WITH_LATE": (ask(found, found.retriever, questions), NAMES),
            "WITH_MODEL": (ask(found, without, questions), WITH_MODEL),
            "WORDS_ONLY": (ask(found, Retriever(found.engine, _NoModel()), questions), WORDS_ONLY),
        }
    report = {name: measure(asked, names) for name, (asked, names) in runs.items()}
    if arguments.json:
        print(json.dumps(report, indent=1))
        return
    for name, measured in report.items():
        print(f"\n{name}: {measured['questions']} questions, {measured['uncovered']} uncovered")
        for key, value in measured["cross_validated"].items():
            print(f"  {key.replace('_', ' '):42} {value:.3f}")
        print(f"Basis.{name}: Logistic(\n    intercept={measured['intercept']},")
        print(f"    weights={json.dumps(measured['weights'])},\n)")
        print(f"Basis.{name}: Platt({measured['answer'][0]}, {measured['answer'][1]})")
        print(f"  MATCH_FROM {measured['match_from']}  WEAK_FROM {measured['weak_from']}")


def ask(found: Seeded, retriever: Retriever, questions: Sequence[JudgedQuestion]) -> list[Asked]:
    """Ask every question; one that finds nothing at all has no rows."""
    asked = []
    with reading(found.engine) as session:
        for judged in questions:
            first = weigh(session, retriever, found.graph, judged.question, AS_OF).weighed[
                :LOOKED_AT
            ]
            features = [astuple(each.features) for each in first]
            grades = [judged.relevance.get(each.group.head.number, 0) for each in first]
            asked.append(
                Asked(
                    bool(judged.relevance),
                    # What is not known of words counts nothing (`Logistic`).
                    np.nan_to_num(np.array(features, np.float64).reshape(len(first), len(NAMES))),
                    np.array(grades) >= HELPS,
                )
            )
    return asked


def measure(asked: Sequence[Asked], names: Sequence[str]) -> dict[str, Any]:
    """Fit on all, and the error rates of the same procedure on questions that it did not see."""
    fitted = fit(asked, names)
    weights = zip(names, fitted.model.coef_[0], strict=True)
    return {
        "questions": len(asked),
        "uncovered": sum(not each.covered for each in asked),
        "cross_validated": cross_validated(asked, names),
        "answer": [round(fitted.platt.intercept, 2), round(fitted.platt.slope, 2)],
        "intercept": round(float(fitted.model.intercept_[0]), 2),
        "weights": {name: round(float(weight), 2) for name, weight in weights},
        "match_from": round(fitted.match_from, 2),
        "weak_from": round(fitted.weak_from, 2),
    }


def fit(asked: Sequence[Asked], names: Sequence[str]) -> Fitted:
    """Coefficients by maximum likelihood (L2, C = 1), then the thresholds on the same questions."""
    columns = [NAMES.index(name) for name in names]
    features = np.vstack([each.features for each in asked])[:, columns]
    model = LogisticRegression(C=1.0, max_iter=1000)
    model.fit(features, np.concatenate([each.helps for each in asked]))
    covered = np.array([each.covered for each in asked])
    helps = np.array([bool(each.helps.any()) for each in asked])
    fitted = Fitted(model, columns, Platt(0.0, 1.0))
    independent = np.array([_any_of(fitted, each) for each in asked]).clip(1e-6, 1 - 1e-6)
    scaled = LogisticRegression(C=10.0).fit(
        np.log(independent / (1 - independent)).reshape(-1, 1), helps
    )
    fitted = replace(fitted, platt=Platt(float(scaled.intercept_[0]), float(scaled.coef_[0, 0])))
    answers = np.array([_answer(fitted, each) for each in asked])
    weak_from = float(np.quantile(answers[covered], LOST))
    precise = [at for at in np.unique(answers) if helps[answers >= at].mean() >= PRECISE]
    match_from = max(float(min(precise, default=1.0)), weak_from)
    return replace(fitted, match_from=match_from, weak_from=weak_from)


def cross_validated(asked: Sequence[Asked], names: Sequence[str]) -> dict[str, float]:
    """Error rates on held-out questions, and the calibration of the shown suggestions."""
    covered = np.array([each.covered for each in asked])
    rates: dict[str, list[float]] = {}
    confidences: list[Numbers] = []
    outcomes: list[NDArray[np.bool_]] = []
    for repeat in range(REPEATS):
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=repeat)
        answers = np.zeros(len(asked))
        match, lost = np.zeros(len(asked), bool), np.zeros(len(asked), bool)
        for train, test in folds.split(covered, covered):
            fitted = fit([asked[at] for at in train], names)
            for at in test:
                answers[at] = _answer(fitted, asked[at])
                match[at] = answers[at] >= fitted.match_from
                lost[at] = answers[at] < fitted.weak_from
                if len(asked[at].features):
                    confidences.append(fitted.confidences(asked[at]))
                    outcomes.append(asked[at].helps)
        helps = np.array([bool(each.helps.any()) for each in asked])
        measured = {
            "covered_questions_answered_no_match": lost[covered].mean(),
            "uncovered_questions_answered_no_match": lost[~covered].mean(),
            "uncovered_questions_answered_match": match[~covered].mean(),
            "covered_questions_answered_match": match[covered].mean(),
            "one_of_three_helps_where_match": helps[match].mean(),
            "one_of_three_helps_at_all": helps.mean(),
            "calibration_error_of_answers": calibration_error(answers, helps),
        }
        for name, rate in measured.items():
            rates.setdefault(name, []).append(float(rate))
    error = calibration_error(np.concatenate(confidences), np.concatenate(outcomes))
    return {name: float(np.mean(each)) for name, each in rates.items()} | {
        "calibration_error_of_suggestions": error
    }


def calibration_error(confidences: Numbers, outcomes: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error over bins of equal width (Guo et al., ICML 2017)."""
    bin_of = np.minimum((confidences * bins).astype(int), bins - 1)
    gaps = [
        (bin_of == each).mean()
        * abs(confidences[bin_of == each].mean() - outcomes[bin_of == each].mean())
        for each in np.unique(bin_of)
    ]
    return float(sum(gaps))


def _any_of(fitted: Fitted, asked: Asked) -> float:
    return any_of(fitted.confidences(asked).tolist()) if len(asked.features) else 0.0


def _answer(fitted: Fitted, asked: Asked) -> float:
    """The confidence of the whole answer, as `kb.confidence.of_answer` makes it."""
    if not len(asked.features):
        return 0.0
    best: float = fitted.confidences(asked).max()
    return max(best, fitted.platt(_any_of(fitted, asked)))


if __name__ == "__main__":
    main()
