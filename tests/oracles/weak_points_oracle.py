"""Weak points the slow way: fail each CI alone and look at the state table."""

from itertools import product

from tests.oracles.impact_oracle import DOWN, Landscape, states


def taken_down_by(landscape: Landscape) -> dict[int, set[int]]:
    """By CI: all CIs that are down when it fails alone, itself among them."""
    return {
        ci: {other for other, state in states(landscape, [ci]).items() if state == DOWN}
        for ci in landscape.cis
    }


def points_of(down_with: dict[int, set[int]], service: int) -> set[int]:
    """CIs that take the service down alone, without itself; `down_with` is `taken_down_by`."""
    return {ci for ci, down in down_with.items() if service in down and ci != service}


def shared_by(landscape: Landscape, down_with: dict[int, set[int]]) -> dict[int, set[int]]:
    """By group with members to spare: CIs whose failure alone leaves it too few. Without its
    dependent, which a group cannot save from its own failure."""
    return {
        group.id: {
            ci
            for ci, down in down_with.items()
            if len(members - down) < needed and ci != group.dependent
        }
        for group, members, needed in landscape.groups_in_effect()
        if len(members) > needed
    }


def needs(landscape: Landscape) -> dict[int, set[int]]:
    """By CI: everything that it stands on over any relationship, itself only in a circle."""
    found: dict[int, set[int]] = {ci: set() for ci in landscape.cis}
    changed = True
    while changed:
        before = {ci: set(known) for ci, known in found.items()}
        for r in landscape.present():
            found[r.dependent] |= {r.provider} | found[r.provider]
        changed = found != before
    return found


def circles(landscape: Landscape) -> set[frozenset[int]]:
    """Sets of CIs that all need each other."""
    found = needs(landscape)
    return {
        frozenset({a} | {b for b in found[a] if a in found[b]})
        for a, b in product(landscape.cis, repeat=2)
        if a != b and b in found[a] and a in found[b]
    }
