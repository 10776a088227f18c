"""Names that are the installation's own (CI classes, relationship types), found as people type."""

import re
from collections.abc import Iterable

from cmdb.names import did_you_mean

_LISTED = 30


class Vocabulary:
    """A set of names; case, spaces, hyphens and underscores do not tell two of them apart."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        """`names` are pairs of a name and its label; a label finds the name, too."""
        pairs = list(names)
        self._names = [name for name, _ in pairs]
        self._by_form = {_form(label): name for name, label in pairs}
        self._by_form.update({_form(name): name for name in self._names})
        self._found: dict[str, str | None] = {}

    def find(self, said: str) -> str | None:
        """The name that `said` means; None where there is none."""
        try:
            return self._found[said]
        except KeyError:
            found = self._found[said] = self._by_form.get(_form(said))
            return found

    def hint(self, said: str) -> str:
        """What may have been meant."""
        near = did_you_mean(said, self._names)
        if near:
            return near
        more = ", …" if len(self._names) > _LISTED else ""
        return f"known are {', '.join(self._names[:_LISTED])}{more}"


def _form(said: str) -> str:
    return re.sub(r"[\W_]+", "", said.casefold())
