"""A revision: what its pods are made of, named by a hash of what was asked for.

The hash is over the normalised inputs alone, never over what a builder makes of them, and
only over what differs from the defaults: a new field or a new builder changes no hash.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from cms_operator.api import HeadlessCMS
from cms_operator.api.spec import Spec
from cms_operator.resources.pods import configuration, pod_template
from cms_operator.resources.sources.source_values import (
    DEFAULT_POOL_SIZE,
    DEFAULT_POOL_TIMEOUT,
    DatabaseSource,
    SecretKey,
)
from cms_operator.resources.sources.sources import Sources

_HASH_LENGTH = 10
_NO_DEFAULT = object()

# Fields of the spec that make a new revision. The sources add addresses to them.
_WHOLE = (
    "image",
    "image_pull_policy",
    "image_pull_secrets",
    "ports",
    "resources",
    "probes",
    "pod",
    "log_level",
    "trusted_proxies",
)
_NAMES_SOURCES = ("secret_name", "database", "redis")
_PARTS = {
    "auth": ("access_token_seconds", "refresh_token_seconds"),
    "redis": ("mode", "sentinel_master"),
}


@dataclass(frozen=True, slots=True)
class Revision:
    hash: str
    inputs: Mapping[str, Any]
    config: Mapping[str, str]
    template: Mapping[str, Any]

    @property
    def image(self) -> str:
        return str(self.inputs["image"])


def build_revision(resource: HeadlessCMS, sources: Sources, restart: str | None = None) -> Revision:
    """`restart` is what somebody asked for with the annotation headlesscms.io/restart."""
    inputs = normalised_inputs(resource.spec, sources, restart)
    name = hash_of(inputs)
    return Revision(
        hash=name,
        inputs=inputs,
        config=configuration.build(resource, sources, name),
        template=pod_template.build(resource, sources, name, restart),
    )


def name_of(spec: Spec, sources: Sources, restart: str | None) -> str:
    return hash_of(normalised_inputs(spec, sources, restart))


def spec_hash(spec: Spec) -> str:
    """The hash of what the spec itself says of a revision, whatever its Secrets hold."""
    return hash_of(_spec_inputs(spec) | _pick(spec, _NAMES_SOURCES))


def hash_of(inputs: Mapping[str, Any]) -> str:
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]


def normalised_inputs(spec: Spec, sources: Sources, restart: str | None = None) -> dict[str, Any]:
    inputs = _spec_inputs(spec)
    if restart is not None:
        inputs["restart"] = restart
    return {**inputs, "sources": _source_inputs(sources)}


def _spec_inputs(spec: Spec) -> dict[str, Any]:
    inputs = _pick(spec, _WHOLE)
    for group, fields in _PARTS.items():
        if parts := _pick(getattr(spec, group), fields):
            inputs[group] = parts
    return inputs


def _pick(model: BaseModel, fields: tuple[str, ...]) -> dict[str, Any]:
    picked = {}
    for name in fields:
        value = getattr(model, name)
        if value == _default(type(model), name):
            continue
        picked[type(model).model_fields[name].alias or name] = _plain(value)
    return picked


@cache
def _default(model: type[BaseModel], name: str) -> Any:
    """The field's default, only to compare with: pydantic makes a copy each time it is asked."""
    field = model.model_fields[name]
    return _NO_DEFAULT if field.is_required() else field.get_default(call_default_factory=True)


def _plain(value: Any) -> Any:
    """JSON without defaults. A group that is there says something even when it is empty."""
    if isinstance(value, BaseModel):
        return _pick(value, tuple(type(value).model_fields))
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _source_inputs(sources: Sources) -> dict[str, Any]:
    """Addresses, and which Secrets are mounted; nothing of what is secret in them."""
    inputs: dict[str, Any] = {
        "database": _database_inputs(sources.database, sources),
        "redis": {"url": sources.redis.url()},
    }
    if sources.redis.has_credentials:
        inputs["redis"]["secret"] = _key_inputs(sources.redis.secret)
    if sources.replica:
        inputs["replica"] = _database_inputs(sources.replica, sources)
    for name, authority in (("databaseCa", sources.database_ca), ("redisCa", sources.redis_ca)):
        if authority:
            inputs[name] = [authority.kind, authority.name, authority.key]
    return inputs


def _database_inputs(database: DatabaseSource, sources: Sources) -> dict[str, Any]:
    inputs: dict[str, Any] = {"place": database.place}
    if database.options:
        inputs["options"] = dict(database.options)
    if database.pool_size != DEFAULT_POOL_SIZE:
        inputs["poolSize"] = database.pool_size
    if database.pool_timeout != DEFAULT_POOL_TIMEOUT:
        inputs["poolTimeout"] = database.pool_timeout
    if not sources.makes_service_role:
        inputs["secret"] = _key_inputs(database.secret)
    return inputs


def _key_inputs(reference: SecretKey) -> list[str]:
    return [reference.name, reference.key]
