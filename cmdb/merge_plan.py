"""What merging one CI into another would do: values, relationships, redundancy groups. Pure.

The loser becomes part of the winner: all that is said of it is said of the winner then, and whose
value counts follows from the precedence, not from which of the two stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from cmdb.claims import ATTRIBUTE, Claim, Precedence, effective
from cmdb.identifiers import family
from cmdb.incoming import CI_CLASS, STORED
from cmdb.merge_words import Member, NewWord, joined_words, settle_groups
from cmdb.plan import CurrentCI, Identity
from cmdb.relationship_words import Word, dependency_of, limit_of, said_of_group
from cmdb.values import MinUp
from opsatlas.errors import InvalidInputError


class InvalidMergeError(InvalidInputError):
    """These two configuration items cannot be one."""

    code = "invalid_merge"


class Side(NamedTuple):
    """One of the two CIs, and what is said of it."""

    ci: CurrentCI
    claims: Sequence[Claim]
    is_service: bool
    root: str
    """The built-in class at the root of its class."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A relationship; `group` is the name of its redundancy group."""

    id: int
    dependent: int
    provider: int
    type: str
    dependency: str
    group: str | None
    claims: Mapping[str, int | None]
    """By source that reports it: the import run that first did."""
    words: Mapping[str, Word] = field(default_factory=dict)
    """By source that reports it: what it says of it."""

    def over(self, loser: int, winner: int) -> "Edge":
        """The same with the winner in the place of the loser."""
        return replace(
            self,
            dependent=winner if self.dependent == loser else self.dependent,
            provider=winner if self.provider == loser else self.provider,
        )

    @property
    def identity(self) -> Identity:
        """What makes it another relationship than all others."""
        return self.dependent, self.provider, self.type, self.group


class Group(NamedTuple):
    """A redundancy group of a CI."""

    id: int
    dependent: int
    name: str
    min_up: MinUp


class FieldChoice(NamedTuple):
    """Which value a field has after the merge, and why."""

    field: str
    value: Any
    winner_value: Any
    loser_value: Any
    source: str | None
    of: Literal["winner", "loser"] | None
    why: str


class Joined(NamedTuple):
    """Two relationships that become one, `into`; `dependency` is what the most trusted says of
    it."""

    edge: Edge
    into: Edge
    dependency: str


class NewLimit(NamedTuple):
    """A redundancy group that loses members and cannot ask for as many any more, or of which the
    merge makes a more trusted source speak."""

    group: Group
    min_up: MinUp


@dataclass(slots=True)
class MergePlan:
    """What a merge would change."""

    winner: CurrentCI
    loser: CurrentCI
    fields: list[FieldChoice]
    keys: list[Claim]
    """What goes over to the winner."""
    moved: list[tuple[Edge, Edge]] = field(default_factory=list)
    """Before and after."""
    joined: list[Joined] = field(default_factory=list)
    gone: list[Edge] = field(default_factory=list)
    """Relationships between the two."""
    moved_groups: list[Group] = field(default_factory=list)
    joined_groups: list[tuple[Group, Group]] = field(default_factory=list)
    """The loser's, and the winner's of the same name, whose limit stays."""
    limits: list[NewLimit] = field(default_factory=list)
    words: list[NewWord] = field(default_factory=list)
    """What sources say of relationships that stay; of what `joined` brings it is new."""


def plan_merge(
    winner: Side,
    loser: Side,
    edges: Iterable[Edge],
    groups: Iterable[Group],
    precedence: Precedence,
    moment: datetime,
) -> MergePlan:
    """Plan to merge `loser` into `winner`.

    `edges` are the relationships of both, and all members of every group that the loser leads or
    is in; `groups` are those groups and the winner's. Raises InvalidMergeError.
    """
    check_sides(winner, loser)
    if not winner.claims:
        raise InvalidMergeError(
            f"nobody says anything of CI {winner.ci.id} any more, so it cannot be what stays",
            hint="merge it into the other one",
        )
    joining = [claim._replace(joined=True) for claim in loser.claims]
    made = MergePlan(
        winner.ci,
        loser.ci,
        _choices(winner, loser, joining, precedence, moment),
        list(loser.claims),
    )
    known = list(edges)
    words = {edge.id: dict(edge.words) for edge in known}
    _plan_edges(made, known, words, precedence)
    _plan_groups(made, known, list(groups), words, precedence)
    before = {edge.id: edge.words for edge in known}
    for edge_id, said in words.items():
        for source, word in said.items():
            old = before[edge_id].get(source)
            if old is None or old != word:
                made.words.append(NewWord(edge_id, source, old or Word(), word))
    return made


def check_sides(winner: Side, loser: Side) -> None:
    """Raise InvalidMergeError for two CIs that cannot be one."""
    if winner.ci.id == loser.ci.id:
        raise InvalidMergeError("a CI cannot be merged into itself", hint="name two CIs")
    classes = loser.ci.values[CI_CLASS], winner.ci.values[CI_CLASS]
    if winner.is_service != loser.is_service:
        raise InvalidMergeError(
            f"a service and what is none are two things: {classes[0]}, {classes[1]}"
        )
    if family(winner.root) != family(loser.root):
        raise InvalidMergeError(
            f"a CI of the class {classes[0]} cannot be one of the class {classes[1]}",
            hint="correct the class first, where it is wrong",
        )


def _choices(
    winner: Side,
    loser: Side,
    joining: Sequence[Claim],
    precedence: Precedence,
    moment: datetime,
) -> list[FieldChoice]:
    claims = [*winner.claims, *joining]
    before, other = _by_field(winner.ci), _by_field(loser.ci)
    after = before
    if claims:
        values, attributes = effective(claims, precedence, moment)
        after = _by_field(winner.ci._replace(values=values, attributes=attributes))
    found: list[FieldChoice] = []
    for name in dict.fromkeys([*before, *other, *after]):
        value = after.get(name)
        won = precedence.winner(name, claims, moment)
        if won is None and name in ("name", "ci_class"):
            value = before[name]
        if value is None and before.get(name) is None and other.get(name) is None:
            continue
        found.append(
            FieldChoice(
                name,
                value,
                before.get(name),
                other.get(name),
                None if won is None else won.source,
                None if won is None else "loser" if won in joining else "winner",
                "nobody says one" if won is None else precedence.why(name, won, claims, moment),
            )
        )
    return found


def _by_field(ci: CurrentCI) -> dict[str, Any]:
    attributes = {f"{ATTRIBUTE}{name}": ci.attributes[name] for name in sorted(ci.attributes)}
    return {**dict(zip(STORED, ci.values, strict=True)), **attributes}


def _plan_edges(
    made: MergePlan,
    edges: Sequence[Edge],
    words: dict[int, dict[str, Word]],
    precedence: Precedence,
) -> None:
    """Plan what becomes of relationships, and leave in `words` those of the ones that stay."""
    loser, winner = made.loser.id, made.winner.id
    mine = [edge for edge in edges if loser in (edge.dependent, edge.provider)]
    there = {edge.identity: edge for edge in edges if loser not in (edge.dependent, edge.provider)}
    for edge in sorted(mine, key=lambda each: each.id):
        over = edge.over(loser, winner)
        if over.dependent == over.provider:
            made.gone.append(edge)
            del words[edge.id]
            continue
        same = there.setdefault(over.identity, over)
        if same is over:
            made.moved.append((edge, over))
        else:
            words[same.id] = joined_words(words.pop(edge.id), words[same.id])
            made.joined.append(Joined(edge, same, dependency_of(words[same.id], precedence)))


def _plan_groups(
    made: MergePlan,
    edges: Sequence[Edge],
    groups: Sequence[Group],
    words: dict[int, dict[str, Word]],
    precedence: Precedence,
) -> None:
    loser, winner = made.loser.id, made.winner.id
    by_name = {(group.dependent, group.name): group for group in groups}
    for group in groups:
        if group.dependent != loser:
            continue
        same = by_name.get((winner, group.name))
        if same is None:
            made.moved_groups.append(group)
        else:
            made.joined_groups.append((group, same))
    gone = {edge.id for edge in made.gone}
    before: dict[tuple[int, str], set[int]] = {}
    after: dict[tuple[int, str], set[int]] = {}
    for edge in edges:
        if edge.group is None:
            continue
        over = edge.over(loser, winner)
        key = over.dependent, edge.group
        before.setdefault(key, set()).add(edge.provider)
        after.setdefault(key, set())
        if edge.id not in gone:
            after[key].add(over.provider)
    stay = [
        Member(
            edge.id,
            None if edge.group is None else (over.dependent, edge.group),
            over.provider,
            edge.dependent == over.dependent,
        )
        for edge in edges
        if edge.id in words
        for over in [edge.over(loser, winner)]
    ]
    shrunk = {key for key, members in after.items() if len(members) < len(before[key])}
    settle_groups(stay, words, shrunk)
    for key, members in after.items():
        found = by_name.get(key) or by_name[loser, key[1]]
        said = said_of_group((each.id, words[each.id]) for each in stay if each.group == key)
        limit = limit_of(said, precedence)
        if members and limit != found.min_up:
            made.limits.append(NewLimit(found, limit))
