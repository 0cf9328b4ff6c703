"""The configuration of a revision."""

from cms_operator.api import HeadlessCMS
from cms_operator.resources import metadata, names
from cms_operator.resources.manifests import Manifest
from cms_operator.resources.revision import Revision


def build(resource: HeadlessCMS, revision: Revision) -> Manifest:
    name = names.config_map(resource.name, revision.hash)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata.child(resource, name, revision=revision.hash),
        # A revision never changes. What is added by hand would reach pods that start later.
        "immutable": True,
        "data": dict(revision.config),
    }
