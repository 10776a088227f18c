"""Make the basis in which the words of passages are stored, from the seed data alone.

    python -m bench.late_basis [--cache DIR] [--write]

The 64 directions in which the words of the seed data's passages differ most (singular value
decomposition of their states, not centred: a mean taken off cost the confidence all its gain), then
turned at random, so that four bits a dimension lose as little as they can. No question and no
judgement goes in. Prints the share of the words' energy that it keeps, and how much of the basis in
use lies within it; `--write` replaces that one, after which all texts must be encoded anew.
"""

import argparse
from pathlib import Path

import numpy as np
from sqlalchemy import select

from bench.seeded import seeded
from opsatlas.db.transaction import reading
from opsatlas.logs import configure
from search.embedder import Vectors
from search.late_interaction import BASIS, DIMENSIONS
from search.models import SearchPassage

_SEED = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, help="folder that keeps the encoded seed data")
    parser.add_argument("--write", action="store_true", help="replace the basis in use")
    arguments = parser.parse_args()
    configure("warning")
    with seeded(arguments.cache) as found, reading(found.engine) as session:
        texts = session.scalars(select(SearchPassage.text).distinct()).all()
        states = found.embedder.states(texts)
    basis, kept = basis_of(states)
    used = np.load(str(BASIS)).astype(np.float32)
    within = np.linalg.norm(basis.T @ used) ** 2 / DIMENSIONS
    print(f"{len(states):,} words of {len(texts):,} texts; {kept:.1%} of their energy is kept;")
    print(f"{within:.2%} of the basis in use lies within this one")
    if arguments.write:
        np.save(str(BASIS), basis.astype(np.float16))


def basis_of(states: Vectors) -> tuple[Vectors, float]:
    """(d, 64) and the share of the energy of `states` (t, d), of unit length, that it keeps."""
    directions, energy, _ = np.linalg.svd(states.T @ states)
    random = np.random.default_rng(_SEED).standard_normal((DIMENSIONS, DIMENSIONS))
    turned, triangle = np.linalg.qr(random)
    turn = turned * np.sign(np.diag(triangle))
    basis: Vectors = (directions[:, :DIMENSIONS] @ turn).astype(np.float32)
    return basis, float(energy[:DIMENSIONS].sum() / energy.sum())


if __name__ == "__main__":
    main()
