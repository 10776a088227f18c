"""Bring CIs in step with what is said of them, after something other than a load changed it."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from cmdb.apply import change_cis, identified
from cmdb.apply_records import write_identifiers
from cmdb.bulk import LoadRun, chunks
from cmdb.claims import Claim, Precedence
from cmdb.current import read_known
from cmdb.plan import ChangedCI, ChangedKeys, CurrentCI
from cmdb.precedence import class_roots, read_precedence
from cmdb.reconcile import changed_ci
from opsatlas import revision
from opsatlas.actor import Actor
from opsatlas.db.transaction import moment


def recompute(
    session: Session,
    ids: Iterable[int],
    actor: Actor,
    *,
    revision_keep: int,
    keys: Mapping[int, ChangedKeys] | None = None,
) -> list[ChangedCI]:
    """Make the values of these CIs anew; returns those that changed, once they are written.

    `keys` says which keys they have lost and got.
    """
    precedence, roots, at = read_precedence(session), class_roots(session), moment(session)
    changed: list[ChangedCI] = []
    for some in chunks(ids):
        current = read_known(session, set(some))
        for ci_id, ci in current.cis.items():
            claims = [each.claim for each in current.records.get(ci_id, ())]
            found = _changed(ci, claims, precedence, at, (keys or {}).get(ci_id))
            if found is not None:
                changed.append(found)
    load = LoadRun(session, "", actor, None, at)
    change_cis(load, changed)
    cis = (identified(each.ci.id, each.ci) for each in changed)
    write_identifiers(load, cis, lambda name: roots.get(name, name), new=False)
    revision.note(session, "ci", [each.ci.id for each in changed], keep=revision_keep)
    return changed


def _changed(
    ci: CurrentCI,
    claims: list[Claim],
    precedence: Precedence,
    at: datetime,
    keys: ChangedKeys | None,
) -> ChangedCI | None:
    if claims:
        return changed_ci(ci, claims, precedence, at, keys=keys)
    # Nobody says anything of it any more, and it stays as it is.
    return None if keys is None else ChangedCI(ci, {"keys": keys[0]}, {"keys": keys[1]})
