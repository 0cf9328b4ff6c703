"""Metadata that every child has."""

from collections.abc import Mapping

from cms_operator.api import HeadlessCMS
from cms_operator.api.resource import API_VERSION, KIND
from cms_operator.resources import labels
from cms_operator.resources.manifests import Manifest


def child(
    resource: HeadlessCMS,
    name: str,
    *,
    component: labels.Component = labels.Component.API,
    revision: str | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    metadata: Manifest = {
        "name": name,
        "namespace": resource.namespace,
        "labels": labels.of(resource, component, revision),
        "ownerReferences": [owner(resource)],
    }
    return {**metadata, "annotations": dict(annotations)} if annotations else metadata


def owner(resource: HeadlessCMS) -> Manifest:
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": resource.name,
        "uid": resource.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
