"""The Secret with the database role of the pods, where the operator makes that role."""

import hashlib
from dataclasses import dataclass, field

from cms_operator.api import HeadlessCMS
from cms_operator.api.objects import Object
from cms_operator.resources import labels, metadata, names
from cms_operator.resources.manifests import Manifest
from cms_operator.resources.secrets import secret_data
from cms_operator.resources.secrets.randomness import RandomBytes, password
from cms_operator.resources.sources.sources import Sources

_LONGEST_NAME = 63  # bytes, of a role in PostgreSQL
_DIGEST_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Credentials:
    username: str
    password: str = field(repr=False)


def make(resource: HeadlessCMS, sources: Sources, random: RandomBytes) -> Credentials:
    return Credentials(role_name(resource, sources), password(random))


def role_name(resource: HeadlessCMS, sources: Sources) -> str:
    """Named after the database, and told apart from the role of another HeadlessCMS on it."""
    place = f"{resource.namespace}/{resource.name}"
    suffix = f"_service_{hashlib.sha256(place.encode()).hexdigest()[:_DIGEST_LENGTH]}"
    room = _LONGEST_NAME - len(suffix)
    return sources.database.name.encode()[:room].decode(errors="ignore") + suffix


def read(secret: Object) -> Credentials | None:
    """None for a Secret that is incomplete."""
    values = secret_data.decode(secret)
    username, word = values.get("username"), values.get("password")
    return Credentials(username, word) if username and word else None


def build(resource: HeadlessCMS, credentials: Credentials) -> Manifest:
    values = {"username": credentials.username, "password": credentials.password}
    name = names.database_secret(resource.name)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata.child(resource, name, component=labels.Component.CREDENTIALS),
        "type": "Opaque",
        "data": secret_data.encode(values),
    }
