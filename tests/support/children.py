"""A HeadlessCMS with its source Secrets from a file, and all children that are made of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cms_operator.api import HeadlessCMS, parse
from cms_operator.resources.children import controller_revision, migration_job
from cms_operator.resources.revision import Revision, build_revision
from cms_operator.resources.secrets import admin_secret, jwt_keys, service_role
from cms_operator.resources.sources.sources import Sources, read_sources
from cms_operator.rollout.children import wanted_children
from cms_operator.rollout.decision import Decision, DecisionPhase

UID = "11111111-2222-3333-4444-555555555555"


@dataclass(frozen=True)
class Case:
    resource: HeadlessCMS
    sources: Sources
    revision: Revision


def load(path: Path) -> Case:
    """The file has one HeadlessCMS and the Secrets that it names."""
    documents = list(yaml.safe_load_all(path.read_text()))
    secrets = [document for document in documents if document["kind"] == "Secret"]
    (manifest,) = (document for document in documents if document["kind"] == "HeadlessCMS")
    return case(manifest, {secret["metadata"]["name"]: secret["stringData"] for secret in secrets})


def case(manifest: Mapping[str, Any], secrets: Mapping[str, Mapping[str, str]]) -> Case:
    metadata = {"namespace": "default", "uid": UID, **manifest["metadata"]}
    resource = parse({**manifest, "metadata": metadata}, unknown="forbid")
    values = {
        name: {key: text.encode() for key, text in data.items()} for name, data in secrets.items()
    }
    sources = read_sources(resource.spec, values)
    return Case(resource, sources, build_revision(resource, sources))


def no_randomness(count: int) -> bytes:
    return bytes(range(count))


def children(case: Case) -> list[dict[str, Any]]:
    """The manifests, in the order in which the operator makes them at first."""
    resource, revision = case.resource, case.revision
    name = revision.hash
    decision = Decision(DecisionPhase.PROGRESSING, name, None, sizes={name: resource.spec.replicas})
    return [
        *_secrets(case),
        controller_revision.build(resource, revision, 1),
        *_migrations(case),
        *wanted_children(resource, {name: revision}, decision, "headlesscms-system"),
    ]


def _secrets(case: Case) -> list[dict[str, Any]]:
    resource, sources = case.resource, case.sources
    ring = jwt_keys.initial(no_randomness, sources.jwt_secret)
    secrets = [jwt_keys.build(resource, ring)]
    if sources.makes_service_role:
        credentials = service_role.make(resource, sources, no_randomness)
        secrets.append(service_role.build(resource, credentials))
    if resource.spec.tenants:
        nobody, first = admin_secret.Owners(), admin_secret.Migrations(_migration_key(case))
        owners = admin_secret.owners(resource, nobody, first, no_randomness)
        secrets.append(admin_secret.build(resource, owners))
    return secrets


def _migrations(case: Case) -> list[dict[str, Any]]:
    if not case.resource.spec.migration.enabled:
        return []
    key = _migration_key(case)
    return [
        migration_job.build(case.resource, case.sources, key),
        migration_job.build_contract(case.resource, case.sources, key),
    ]


def _migration_key(case: Case) -> str:
    uid = UID if case.sources.makes_service_role else ""
    return migration_job.key(case.resource, case.sources, uid)
