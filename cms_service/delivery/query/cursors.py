"""Where a list goes on: the values of the last entry that was seen, bound to the list they are
from. A text that was changed, or is of another list, is refused. Pure.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from hashlib import blake2b
from uuid import UUID

import orjson

from cms_service.content_types.fields.slug import MAX_SLUG_LENGTH
from cms_service.core.validation.exact import ID_PATTERN
from cms_service.delivery.query.attributes import Attribute, Column, ValueKind
from cms_service.delivery.query.grammar import Query, refuse
from cms_service.delivery.query.plan import SortKey

# Texts of fields are sorted by so many characters, and cursors kept short by it.
SORTED_CHARACTERS = 100
_DIGEST_BYTES = 12
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,400})?")
# As they are written: Python reads some that PostgreSQL does not.
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_ID = re.compile(ID_PATTERN[1:-1])

# Values as PostgreSQL writes and reads them; None where an entry has none. The last is its id.
Place = tuple[str | None, ...]


def encode(place_json: str, query: Query, type_id: UUID) -> str:
    payload = orjson.dumps(orjson.loads(place_json))
    return base64.urlsafe_b64encode(_digest(payload, query, type_id) + payload).decode()


def decode(query: Query, type_id: UUID, keys: Sequence[SortKey]) -> Place | None:
    """Raises BadRequest."""
    if query.cursor is None:
        return None
    try:
        raw = base64.b64decode(query.cursor.encode("ascii"), altchars=b"-_", validate=True)
        digest, payload = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        if digest != _digest(payload, query, type_id):
            raise ValueError  # noqa: TRY301 - told as the others are
        return _checked(orjson.loads(payload), keys)
    except (binascii.Error, ValueError):
        refuse("cursor", "is not one of this list: q, filters, sort and locale must stay the same")


def _digest(payload: bytes, query: Query, type_id: UUID) -> bytes:
    text = type_id.bytes + len(payload).to_bytes(4, "big") + payload + query.selection
    return blake2b(text, digest_size=_DIGEST_BYTES).digest()


def _checked(values: object, keys: Sequence[SortKey]) -> Place:
    """Raises ValueError: the digest is no secret, so a cursor can be made up."""
    if not isinstance(values, list) or len(values) != len(keys) + 1:
        raise ValueError
    *sorted_by, entry_id = values
    for value, key in zip(sorted_by, keys, strict=True):
        if value is not None and not (
            isinstance(value, str) and "\0" not in value and _fits(key.attribute, value)
        ):
            raise ValueError
    if not isinstance(entry_id, str) or not _is_id(entry_id):
        raise ValueError
    return (*sorted_by, entry_id)


def _fits(attribute: Attribute, value: str) -> bool:
    if attribute.column is Column.SLUG:
        return len(value) <= MAX_SLUG_LENGTH
    return _FITS[attribute.kind](value)


def _is_id(value: str) -> bool:
    return _ID.fullmatch(value) is not None


def _is_moment(value: str) -> bool:
    return _MOMENT.fullmatch(value) is not None and bool(datetime.fromisoformat(value))


_FITS: Mapping[ValueKind, Callable[[str], bool]] = {
    ValueKind.ID: _is_id,
    ValueKind.TEXT: lambda value: len(value) <= SORTED_CHARACTERS,
    ValueKind.NUMBER: lambda value: _NUMBER.fullmatch(value) is not None,
    ValueKind.BOOLEAN: lambda value: value in {"true", "false"},
    ValueKind.DATE: lambda value: bool(date.fromisoformat(value)),
    ValueKind.MOMENT: _is_moment,
}
