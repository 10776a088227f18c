"""What sources say of the relationships that a merge moves or makes one. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cmdb.relationship_words import Word, at_most, parsed_min_up, stronger


class NewWord(NamedTuple):
    """Something else that a source says of a relationship with the merge."""

    id: int
    source: str
    before: Word
    after: Word


Key = tuple[int, str]
"""A redundancy group after the merge: the dependent, and the name."""


class Member(NamedTuple):
    """A relationship that stays, as it is after the merge."""

    id: int
    group: Key | None
    provider: int
    own: bool
    """Whether its dependent was the same before."""


def joined_words(one: Mapping[str, Word], into: Mapping[str, Word]) -> dict[str, Word]:
    """What each source says of two relationships that become one."""
    words = {**one, **into}
    for source in one.keys() & into.keys():
        dependency = stronger(one[source].dependency, into[source].dependency)
        words[source] = Word(dependency, into[source].min_up or one[source].min_up)
    return words


def settle_groups(
    members: Sequence[Member],
    words: dict[int, dict[str, Word]],
    shrunk: set[Key],
) -> None:
    """Let each source say one min_up of a group, that of the CI that stays first, and of a group
    that lost members no more than it has; changes `words`."""
    groups: dict[Key, list[Member]] = defaultdict(list)
    for member in sorted(members, key=lambda each: (not each.own, each.id)):
        if member.group is not None:
            groups[member.group].append(member)
    for key, inside in groups.items():
        size = len({each.provider for each in inside})
        said: dict[str, str] = {}
        for member in inside:
            for source, word in words[member.id].items():
                if word.min_up is not None:
                    said.setdefault(source, word.min_up)
        for source, text in said.items():
            limit = str(at_most(parsed_min_up(text), size)) if key in shrunk else text
            for member in inside:
                if source in words[member.id]:
                    word = words[member.id][source]
                    words[member.id][source] = word._replace(min_up=limit)
