"""Who may do what. Whatever is not listed is denied."""

from enum import StrEnum


class Role(StrEnum):
    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


class Permission(StrEnum):
    READ_TENANT = "tenant:read"
    WRITE_TENANT = "tenant:write"
    READ_USERS = "users:read"
    WRITE_USERS = "users:write"
    READ_TYPES = "content-types:read"
    WRITE_TYPES = "content-types:write"
    READ_ENTRIES = "entries:read"
    WRITE_ENTRIES = "entries:write"
    PUBLISH_ENTRIES = "entries:publish"
    READ_DELIVERY = "delivery:read"


_VIEWER = frozenset(
    {
        Permission.READ_TENANT,
        Permission.READ_TYPES,
        Permission.READ_ENTRIES,
        Permission.READ_DELIVERY,
    }
)
_EDITOR = _VIEWER | {Permission.WRITE_ENTRIES, Permission.PUBLISH_ENTRIES}
_GRANTED = {
    Role.VIEWER: _VIEWER,
    Role.EDITOR: _EDITOR,
    Role.OWNER: _EDITOR
    | {
        Permission.WRITE_TENANT,
        Permission.READ_USERS,
        Permission.WRITE_USERS,
        Permission.WRITE_TYPES,
    },
}


def is_granted(role: Role, permission: Permission) -> bool:
    return permission in _GRANTED[role]
