"""The next snapshot from this one and what has changed, without reading the rest again.

A small change writes the rows of the providers that it touches anew, into the room of the layout:
its cost is that of those rows. A large one, or one that finds no room, lays everything out again
in memory. Either way the answers are those of a snapshot that was built from scratch; a property
test holds that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmdb.graph import GraphSnapshot, Groups
from cmdb.graph_input import (
    NONE,
    GroupColumns,
    Ids,
    Indices,
    PresentEdges,
    RelationshipColumns,
    find,
    in_order,
    needed_members,
    present_edges,
    rows_of_groups,
)
from cmdb.graph_layout import Rows, Section, lay_out, no_group, offsets, spread
from cmdb.graph_lookup import positions_at, positions_of, union

MOST_MOVED = 50_000
"""CIs with moved rows above which everything is laid out again: who asks first waits for that."""


@dataclass(frozen=True, slots=True, eq=False)
class GraphChange:
    """What differs between a snapshot and the graph of a later revision."""

    revision: int
    arrived: Ids
    """CIs that take part now and did not, or were unknown."""
    absent: Ids
    """CIs that do not take part: retired or deleted. Unknown ones get an index if they are in
    `retired`."""
    retired: Ids
    """Those of `absent` that are still there."""
    relationship_id: Ids
    """Every relationship that may differ. Where one was or is in a group, all of that group; and
    all relationships of CIs that come back."""
    relationships: RelationshipColumns
    """Those of them that carry failure now."""
    groups: GroupColumns
    """The groups that these name; others may be among them."""


def changed(
    snapshot: GraphSnapshot, change: GraphChange, touched: Indices | None = None
) -> GraphSnapshot:
    """The snapshot after a change; the one before stays as it was.

    `touched`, where they are known, are its edges that the change names, from or to CIs that become
    absent among them: they need not be looked for again.
    One thread at a time may do this with the snapshots of a family. Raises InvalidInputError as
    `GraphSnapshot.build` does.
    """
    layout, snapshot = snapshot.layout, _with_cis(snapshot, change)
    added = in_order(present_edges(snapshot.ids, snapshot.absent, [change.relationships]))
    if touched is not None and snapshot.layout is layout:
        removed = touched
    else:
        removed = union(
            positions_of(snapshot, change.relationship_id, added.provider),
            positions_at(snapshot, find(snapshot.ids, change.absent)),
        )
    groups, added_groups, members = _regrouped(snapshot, change, removed, added)
    snapshot = replace(snapshot, revision=change.revision, groups=groups)
    rows = Section(added.dependent, added.provider, added.relationship, added_groups)
    removed, rows, required = _without_the_same(snapshot, removed, rows, added.mark == NONE)
    if not len(removed) and not len(rows.dependent) and not len(members):
        return snapshot
    moved = _rewritten(snapshot, removed, rows, required)
    if moved is None or not snapshot.layout.room_for("member", len(members)):
        return laid_out_anew(snapshot, removed, rows, required, members)
    snapshot.layout.write_members(members)
    return moved


def laid_out_anew(
    snapshot: GraphSnapshot,
    removed: Indices | None = None,
    added: Section | None = None,
    required: NDArray[np.bool_] | None = None,
    members: Indices | None = None,
) -> GraphSnapshot:
    """The same graph, less and plus some edges, in a layout of its own with room again.

    `members` are those that `snapshot.groups` already expects where the layout's members end.
    """
    edges = snapshot.edges()
    part_of = edges.position >= snapshot.layout.conditional_from
    keep = np.ones(len(edges.position), np.bool_)
    if removed is not None and len(removed):
        gone = np.zeros(len(snapshot.layout.dependent), np.bool_)
        gone[removed] = True
        keep = ~gone[edges.position]
    sections = []
    for conditional in (False, True):
        these = keep & (part_of == conditional)
        section = Section(
            edges.dependent[these],
            edges.provider[these],
            edges.relationship[these],
            edges.group[these],
        )
        if added is not None and required is not None:
            section = _merged(section, _taken(added, required != conditional))
        sections.append(section)
    layout = snapshot.layout
    all_members = layout.group_member[: layout.used["member"]]
    if members is not None:
        all_members = np.concatenate([all_members, members])
    groups = snapshot.groups
    start = (np.cumsum(groups.size) - groups.size).astype(np.int32)
    made = lay_out(
        snapshot.ids, sections[0], sections[1], all_members[spread(groups.start, groups.size)]
    )
    return GraphSnapshot.of_layout(
        made, snapshot.absent, groups._replace(start=start), snapshot.revision
    )


def _with_cis(snapshot: GraphSnapshot, change: GraphChange) -> GraphSnapshot:
    """With an index for every CI of the change, and `absent` as it says."""
    known = np.concatenate([change.arrived, change.retired])
    new = np.unique(known[find(snapshot.ids, known) < 0])
    if len(new):
        snapshot = _with_new_cis(snapshot, new)
    if not len(known) and not len(change.absent):
        return snapshot
    absent = snapshot.absent.copy()
    absent[find(snapshot.ids, change.arrived)] = False
    gone = find(snapshot.ids, change.absent)
    absent[gone[gone >= 0]] = True
    return replace(snapshot, absent=absent)


def _with_new_cis(snapshot: GraphSnapshot, new: Ids) -> GraphSnapshot:
    layout, size = snapshot.layout, snapshot.size
    end = size + len(new)
    if size and new[0] < snapshot.ids[-1]:
        return _renumbered(snapshot, new)
    if layout.used["ids"] == size and layout.room_for("ids", len(new)):
        layout.ids[size:end] = new
        layout.used["ids"] = end
    elif not np.array_equal(layout.ids[size : min(end, layout.used["ids"])], new):
        return _renumbered(snapshot, new)  # no room, or a later snapshot has put others there
    absent = np.concatenate([snapshot.absent, np.ones(len(new), np.bool_)])
    index = np.arange(size, size + len(new), dtype=np.int32)
    nothing = np.zeros(len(new), np.int32)
    rows = Rows(*(np.concatenate([each, nothing]) for each in snapshot.moved_rows))
    return replace(
        snapshot,
        size=end,
        absent=absent,
        moved=np.concatenate([snapshot.moved, index]),
        moved_rows=rows,
    )


def _renumbered(snapshot: GraphSnapshot, new: Ids) -> GraphSnapshot:
    """New CIs among the others (a slower writer's have lower ids), in a layout of its own."""
    plain = laid_out_anew(snapshot)
    layout, ids = plain.layout, np.union1d(plain.ids, new)
    index = np.searchsorted(ids, plain.ids).astype(np.int32)
    edges = plain.edges()
    required = int(np.count_nonzero(edges.position < layout.conditional_from))
    dependent, provider = index[edges.dependent], index[edges.provider]
    parts = [
        Section(dependent[some], provider[some], edges.relationship[some], edges.group[some])
        for some in (slice(None, required), slice(required, None))
    ]
    made = lay_out(ids, parts[0], parts[1], index[layout.group_member[: layout.used["member"]]])
    absent = np.ones(len(ids), np.bool_)
    absent[index] = plain.absent
    return GraphSnapshot.of_layout(made, absent, plain.groups, plain.revision)


def _regrouped(
    snapshot: GraphSnapshot, change: GraphChange, removed: Indices, added: PresentEdges
) -> tuple[Groups, Indices, Indices]:
    """The groups after the change, the group index of each added edge, and the members that must
    be written where the layout's end."""
    groups = snapshot.groups
    conditional = removed[removed >= snapshot.layout.conditional_from]
    was = snapshot.layout.group_of[conditional - snapshot.layout.conditional_from]
    in_group = added.mark >= 0
    group_id = np.unique(added.mark[in_group])
    membership = no_group(len(added.mark))
    nobody = np.zeros(0, np.int32)
    was = np.unique(was[was != NONE])
    if not len(was) and not len(group_id):
        return groups, membership, nobody
    order = np.argsort(groups.id, kind="stable")
    at = find(groups.id[order], group_id)
    new = group_id[at < 0]
    index = np.empty(len(group_id), np.int32)
    index[at >= 0] = order[at[at >= 0]]
    index[at < 0] = np.arange(len(groups.id), len(groups.id) + len(new))
    place = np.searchsorted(group_id, added.mark[in_group])
    membership[in_group] = index[place]
    by_member = np.lexsort((added.provider[in_group], place))
    sizes = np.diff(offsets(place, len(group_id)))
    needed = needed_members(
        change.groups, rows_of_groups(change.groups, group_id, snapshot.ids, added), sizes
    )
    none = np.zeros(len(new), np.int32)
    found = Groups(
        np.concatenate([groups.id, new]),
        *(np.concatenate([each, none]) for each in groups[1:]),
    )
    found.size[was] = 0
    found.needed[index], found.size[index] = needed, sizes
    found.start[index] = snapshot.layout.used["member"] + np.cumsum(sizes) - sizes
    return found, membership, added.provider[in_group][by_member]


def _without_the_same(
    snapshot: GraphSnapshot, removed: Indices, added: Section, required: NDArray[np.bool_]
) -> tuple[Indices, Section, NDArray[np.bool_]]:
    """Less the edges that are removed and added as they were."""
    layout = snapshot.layout
    conditional = removed >= layout.conditional_from
    group = no_group(len(removed))
    group[conditional] = layout.group_of[removed[conditional] - layout.conditional_from]
    _, before, after = np.intersect1d(
        layout.relationship[removed], added.relationship, True, return_indices=True
    )
    same = (
        (layout.dependent[removed[before]] == added.dependent[after])
        & (layout.providers_of(removed)[before] == added.provider[after])
        & (group[before] == added.group[after])
        & (conditional[before] != required[after])
    )
    leaves, comes = np.ones(len(removed), np.bool_), np.ones(len(required), np.bool_)
    leaves[before[same]] = comes[after[same]] = False
    return removed[leaves], _taken(added, comes), required[comes]


def _rewritten(
    snapshot: GraphSnapshot, removed: Indices, added: Section, required: NDArray[np.bool_]
) -> GraphSnapshot | None:
    """With the touched rows in the room of the layout; None where there is too little."""
    layout = snapshot.layout
    providers = layout.providers_of(removed)
    touched = np.unique(np.concatenate([providers, added.provider]))
    if len(snapshot.moved) + len(touched) > MOST_MOVED:
        return None
    rows = snapshot.rows(touched)
    written: list[tuple[str, Section, Indices, NDArray[np.bool_]]] = []
    for part, start, end, these in (
        ("required", rows.start, rows.end, required),
        ("conditional", rows.conditional_start, rows.conditional_end, ~required),
    ):
        inside = (removed >= layout.conditional_from) == (part == "conditional")
        rewrite = np.isin(touched, np.concatenate([providers[inside], added.provider[these]]))
        if not rewrite.any():
            continue
        length = (end - start)[rewrite]
        if not layout.room_for(part, int(length.sum()) + int(these.sum())):
            return None
        old = spread(start[rewrite], length)
        keep = ~np.isin(old, removed)
        kept = old[keep]
        group = no_group(len(kept))
        if part == "conditional":
            group = layout.group_of[kept - layout.conditional_from]
        section = Section(
            layout.dependent[kept],
            np.repeat(touched[rewrite], length)[keep],
            layout.relationship[kept],
            group,
        )
        section = _merged(section, _taken(added, these))
        if section.relationship.dtype.itemsize > layout.relationship.itemsize:
            return None
        written.append((part, section, touched, rewrite))
    for part, section, _, rewrite in written:
        at = layout.write_rows(part, section)
        firsts = np.searchsorted(section.provider, touched[rewrite]) + at
        lasts = np.searchsorted(section.provider, touched[rewrite], "right") + at
        start, end = rows[0:2] if part == "required" else rows[2:4]
        start[rewrite], end[rewrite] = firsts, lasts
    return _moved(snapshot, touched, rows)


def _moved(snapshot: GraphSnapshot, touched: Indices, rows: Rows) -> GraphSnapshot:
    stay = ~np.isin(snapshot.moved, touched)
    moved = np.concatenate([snapshot.moved[stay], touched])
    order = np.argsort(moved, kind="stable")
    joined = Rows(
        *(
            np.concatenate([before[stay], after])[order]
            for before, after in zip(snapshot.moved_rows, rows, strict=True)
        )
    )
    return replace(snapshot, moved=moved[order], moved_rows=joined)


def _taken(section: Section, these: Any) -> Section:
    return Section(*(column[these] for column in section))


def _merged(section: Section, added: Section) -> Section:
    """Both, in the order of positions; the first is in it already."""
    if not len(added.dependent):
        return section
    columns = [np.concatenate(pair) for pair in zip(section, added, strict=False)]
    order = np.lexsort((columns[2], columns[1]))
    return Section(*(column[order] for column in columns))
