"""The likelihood of docs/suspects.md, recomputed plainly for every CI and every pair of CIs.

Nothing here knows the product but its constants: states come from the table's own oracle.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import gamma, log

from cmdb.impact import State
from cmdb.suspect_evidence import REPORTED, SAME_STATE, SEEN_HEALTHY, TWO_FAILED, UNREPORTED, WRONG
from tests.oracles import impact_oracle
from tests.oracles.impact_oracle import DEGRADED, Landscape


@dataclass(frozen=True)
class Seen:
    """What was seen, by CI id."""

    symptoms: Mapping[int, State | None]
    healthy: frozenset[int]
    observed: frozenset[int]


def score(landscape: Landscape, seen: Seen, failed: Iterable[int]) -> float:
    """Log of prior times likelihood that these CIs failed, all CIs failing equally often."""
    failed = set(failed)
    states = impact_oracle.states(landscape, failed)
    bad = {ci for ci, state in states.items() if state >= DEGRADED}
    n = len(landscape.cis)
    prior = (1 - TWO_FAILED) / n if len(failed) == 1 else 2 * TWO_FAILED / n**2
    explained = bad & seen.symptoms.keys()
    silent = (bad & seen.observed) - seen.symptoms.keys() - seen.healthy
    total = log(prior)
    total += log(_beta(REPORTED + len(explained), UNREPORTED + len(silent)))
    total -= log(_beta(REPORTED, UNREPORTED))
    wrong = WRONG * len(seen.symptoms) / (max(len(seen.observed), len(seen.symptoms)) + 1)
    total += (len(seen.symptoms) - len(explained)) * log(wrong)
    for ci in explained:
        if seen.symptoms[ci] is not None:
            same = seen.symptoms[ci] == states[ci]
            total += log(SAME_STATE if same else 1 - SAME_STATE)
    for ci in bad & seen.healthy:
        total += log(SEEN_HEALTHY[State(states[ci])])
    return total


def explains(landscape: Landscape, seen: Seen, failed: int) -> bool:
    """Whether this CI's failure would cause any of the symptoms."""
    states = impact_oracle.states(landscape, [failed])
    return any(states[ci] >= DEGRADED for ci in seen.symptoms)


def _beta(a: float, b: float) -> float:
    return gamma(a) * gamma(b) / gamma(a + b)
