"""The record of a revision: what its Deployment and ConfigMap are made from ever after."""

from cms_operator.api import HeadlessCMS
from cms_operator.api.objects import Object
from cms_operator.resources import labels, metadata, names
from cms_operator.resources.manifests import Manifest
from cms_operator.resources.revision import Revision


def build(resource: HeadlessCMS, revision: Revision, number: int) -> Manifest:
    """`number` orders the records; the newest has the highest."""
    name = names.controller_revision(resource.name, revision.hash)
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": metadata.child(resource, name, revision=revision.hash),
        "revision": number,
        "data": {
            "inputs": dict(revision.inputs),
            "config": dict(revision.config),
            "template": dict(revision.template),
        },
    }


def read(record: Object) -> Revision:
    """Raises ValueError for an object that is not such a record."""
    try:
        data = record["data"]
        return Revision(
            hash=record["metadata"]["labels"][labels.REVISION],
            inputs=data["inputs"],
            config=data["config"],
            template=data["template"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not the record of a revision: {error} is missing") from None
