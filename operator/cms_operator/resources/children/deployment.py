"""The pods of a revision. Its template is always the recorded one."""

from cms_operator.api import HeadlessCMS
from cms_operator.resources import labels, metadata, names
from cms_operator.resources.manifests import Manifest
from cms_operator.resources.revision import Revision


def build(resource: HeadlessCMS, revision: Revision, replicas: int) -> Manifest:
    name = names.deployment(resource.name, revision.hash)
    rollout = resource.spec.rollout
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata.child(resource, name, revision=revision.hash),
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels.serving(resource, revision.hash)},
            "minReadySeconds": rollout.min_ready_seconds,
            "progressDeadlineSeconds": rollout.progress_deadline_seconds,
            # A revision is its own history; its template changes only when drift is put right.
            "revisionHistoryLimit": 0,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
            },
            "template": dict(revision.template),
        },
    }
