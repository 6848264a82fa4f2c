"""Roles: who may act for others, on a platform and everything below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from storage.database import sql
from storage.errors import BadInput

if TYPE_CHECKING:
    from storage.database import Tx

Role = Literal["documenter", "facilitator", "secretariat", "coordinator", "support"]

_GRANT = sql(
    "INSERT INTO roles (member_id, platform_id, role, granted_at, granted_by)"
    " VALUES (:member_id, :platform_id, :role, :now, :by) ON CONFLICT DO NOTHING"
)
_HOLDERS = sql(
    "SELECT DISTINCT r.member_id, m.language FROM roles r JOIN members m ON m.id = r.member_id"
    " WHERE r.role = :role AND m.state = 'member' AND m.stopped_at = 0 ORDER BY 1"
)
_REVOKE = sql(
    "DELETE FROM roles WHERE member_id = :member_id AND platform_id = :platform_id AND role = :role"
)
_REVOKE_ALL = sql("DELETE FROM roles WHERE member_id = :member_id")
_OF = sql("SELECT platform_id, role FROM roles WHERE member_id = :member_id ORDER BY 1, 2")


def read(text: str) -> Role:
    """Return the role a word names. Raises BadInput."""
    role = text.strip().lower()
    if role not in get_args(Role):
        raise BadInput(f"there is no role {text!r}; there are {', '.join(get_args(Role))}")
    return role  # type: ignore[return-value]


async def grant(
    tx: Tx, member_id: int, platform_id: int, role: Role, by: int | None, now: int
) -> bool:
    """Give a role; False when the member had it."""
    return bool(
        await tx.run(
            _GRANT, member_id=member_id, platform_id=platform_id, role=role, now=now, by=by
        )
    )


async def of(tx: Tx, member_id: int) -> list[tuple[int, Role]]:
    """Return (platform id, role) of each role a member holds."""
    return [(row[0], row[1]) for row in await tx.rows(_OF, member_id=member_id)]


async def revoke(tx: Tx, member_id: int, platform_id: int, role: Role) -> bool:
    """Take a role away; False when the member did not have it."""
    return bool(await tx.run(_REVOKE, member_id=member_id, platform_id=platform_id, role=role))


async def revoke_all(tx: Tx, member_id: int) -> None:
    """Take every role of a member away."""
    await tx.post(_REVOKE_ALL, member_id=member_id)


async def holders(tx: Tx, role: Role) -> list[tuple[int, str]]:
    """Return (member id, language) of each who holds a role anywhere and may be written to."""
    return [(int(row[0]), str(row[1])) for row in await tx.rows(_HOLDERS, role=role)]
