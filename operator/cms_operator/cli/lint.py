"""`kubectl hcms lint`: what is wrong with a spec, and what it would do, without a cluster."""

import base64
from collections.abc import Iterable, Iterator, Mapping

import yaml

from cms_operator.api import HeadlessCMS, InvalidSpec, parse
from cms_operator.api.objects import Object
from cms_operator.api.resource import KIND
from cms_operator.cli.steps import with_pods
from cms_operator.cli.text import BAD, GOOD, count, table
from cms_operator.resources import names
from cms_operator.resources.children.service import service_type
from cms_operator.resources.revision import build_revision
from cms_operator.resources.sources.connections import demand, most_pods
from cms_operator.resources.sources.sources import (
    SourceError,
    Sources,
    read_sources,
    required_secrets,
)


class UnreadableError(Exception):
    """The file is no YAML, or has no HeadlessCMS."""


def lint(text: str) -> tuple[bool, list[str]]:
    """Whether all is well, and what to say. Raises UnreadableError."""
    documents = _documents(text)
    secrets = {_name(found): _values(found) for found in documents if found.get("kind") == "Secret"}
    specs = [found for found in documents if found.get("kind") == KIND]
    if not specs:
        raise UnreadableError(f"there is no {KIND} in it")
    found = [_lint(spec, secrets) for spec in specs]
    lines = [line for _, said in found for line in (*said, "")]
    return all(good for good, _ in found), lines[:-1]


def _documents(text: str) -> list[Object]:
    try:
        found = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise UnreadableError(f"it is not YAML: {error}") from None
    return [document for document in found if isinstance(document, Mapping)]


def _name(document: Object) -> str:
    metadata = document.get("metadata")
    return str(metadata.get("name")) if isinstance(metadata, Mapping) else "without a name"


def _values(secret: Object) -> dict[str, bytes]:
    """Raises UnreadableError, without a word of what is secret."""
    try:
        data = {
            key: base64.b64decode(value, validate=True)
            for key, value in (secret.get("data") or {}).items()
        }
        plain = {key: value.encode() for key, value in (secret.get("stringData") or {}).items()}
    except (ValueError, TypeError, AttributeError):
        raise UnreadableError(f"Secret {_name(secret)} has values that are not text") from None
    return {**data, **plain}


def _lint(document: Object, secrets: Mapping[str, Mapping[str, bytes]]) -> tuple[bool, list[str]]:
    name = _name(document)
    try:
        hcms = parse(document, unknown="forbid")
        sources = _sources(hcms, secrets)
    except InvalidSpec as error:
        return False, [f"{BAD} {name} is not valid:", *(f"  {found}" for found in error.problems)]
    except SourceError as error:
        return False, [
            f"{BAD} {name}: its Secrets cannot be used:",
            *(f"  {found.message}" for found in error.problems),
        ]
    if taken := _taken(hcms, sources):
        return False, [
            f"{BAD} {name}: the operator makes Secrets of the same names as its sources:",
            *(f"  Secret {secret}: give yours another name" for secret in taken),
        ]
    return True, [f"{GOOD} {name} is valid", *table(list(_plan(hcms, sources)))]


def _sources(hcms: HeadlessCMS, secrets: Mapping[str, Mapping[str, bytes]]) -> Sources | None:
    """The sources; None where the file lacks a Secret that the spec names. Raises SourceError."""
    needed = required_secrets(hcms.spec).names
    return read_sources(hcms.spec, secrets) if needed <= secrets.keys() else None


def _plan(hcms: HeadlessCMS, sources: Sources | None) -> Iterator[list[str]]:
    spec = hcms.spec
    missing = ", ".join(sorted(required_secrets(spec).names))
    revision = build_revision(hcms, sources).hash if sources else ""
    unknown = f"named when the Secrets are read: add {missing} to the file"
    yield ["  Revision:", revision or unknown]
    yield ["  Image:", spec.image]
    yield [
        "  Pods:",
        f"{count(spec.wanted_pods, 'pod')}{_amounts(hcms)}, at most {most_pods(spec)}",
    ]
    if sources:
        yield ["  Connections:", f"up to {demand(spec, sources).connections} to the database"]
    yield from _listed("  Children:", _children(hcms, revision or "REVISION", sources))
    yield from _listed(f"  {spec.rollout.strategy}:", _release(hcms))


def _listed(title: str, words: Iterable[str]) -> Iterator[list[str]]:
    for index, word in enumerate(words):
        yield [title if index == 0 else "", word]


def _amounts(hcms: HeadlessCMS) -> str:
    requests = hcms.spec.resources.requests.to_json()
    listed = " and ".join(f"{amount} {name}" for name, amount in requests.items())
    return f" of {listed}" if listed else ""


def _children(hcms: HeadlessCMS, revision: str, sources: Sources | None) -> Iterator[str]:
    """The names of the objects that the operator makes."""
    spec, name = hcms.spec, hcms.name
    if not spec.pod.service_account_name:
        yield f"ServiceAccount {names.service_account(name)}"
    for secret in _secrets(hcms, sources):
        yield f"Secret {secret}"
    if spec.migration.enabled:
        if sources is None:
            database = names.database_secret(name)
            yield f"Secret {database} (unless there is a migration-database-url)"
        yield f"Job {names.migration_job(name, '…')}"
    yield f"ControllerRevision, ConfigMap, Deployment {names.deployment(name, revision)}"
    if spec.pod_disruption_budget.enabled:
        yield f"PodDisruptionBudget {names.disruption_budget(name, revision)}"
    yield f"Service {names.service(name)} ({service_type(spec)}, port {spec.service.port})"
    strategy = spec.rollout.strategy
    if strategy == "BlueGreen" or (strategy == "Canary" and spec.has_gateway):
        yield f"Service {names.preview_service(name)}"
    if spec.network_policy.enabled:
        yield f"NetworkPolicy {names.network_policy(name)}"
    if spec.autoscaling:
        yield f"HorizontalPodAutoscaler {names.autoscaler(name)}"
    if spec.route:
        kind = "HTTPRoute" if spec.route.gateway else "Ingress"
        yield f"{kind} {names.route(name)} ({spec.route.host})"


def _secrets(hcms: HeadlessCMS, sources: Sources | None) -> Iterator[str]:
    """The names of the Secrets that the operator makes whatever unknown sources hold."""
    yield names.jwt_secret(hcms.name)
    if sources and sources.makes_service_role:
        yield names.database_secret(hcms.name)
    if hcms.spec.tenants:
        yield names.admin_secret(hcms.name)


def _taken(hcms: HeadlessCMS, sources: Sources | None) -> list[str]:
    named = required_secrets(hcms.spec).names
    return [secret for secret in _secrets(hcms, sources) if secret in named]


def _release(hcms: HeadlessCMS) -> Iterator[str]:
    rollout, replicas = hcms.spec.rollout, hcms.spec.wanted_pods
    for number, words in enumerate(with_pods(hcms.spec), 1):
        yield f"{number} {words}"
    if rollout.strategy == "RollingUpdate":
        yield f"pod by pod: {rollout.max_surge} more, {rollout.max_unavailable} fewer at a time"
    yield f"{count(replicas, 'pod')}, watched for {rollout.bake_seconds} s before it is stable"
