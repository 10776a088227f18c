"""Who is asking: a typed argument of whatever writes or audits, never a global."""

from dataclasses import dataclass
from enum import StrEnum

from opsatlas.groups import UNGROUPED


class Role(StrEnum):
    """What a key may do; each role includes the ones before it."""

    READER = "reader"
    RESPONDER = "responder"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether whoever holds this role may do what `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller: `name` as the audit trail shows it, and the request that it came with."""

    name: str
    role: Role
    request_id: str | None = None
    member_of: frozenset[str] = UNGROUPED

    @property
    def groups(self) -> frozenset[str] | None:
        """The groups whose records it may read besides those that are for everyone; None: all."""
        return None if self.role is Role.ADMIN else self.member_of


def local_admin(request_id: str | None = None) -> Actor:
    """Whoever can read the database file is its admin (the command line without a server)."""
    return Actor("local", Role.ADMIN, request_id)


SYSTEM = Actor("system", Role.ADMIN)
"""The service itself, for what its own jobs write."""
