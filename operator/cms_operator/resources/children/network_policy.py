"""Who may reach the pods: the API for those who are named, the admin port for few.

The operator is among both: it reads the pods and may send requests of its own.
"""

from cms_operator.api import HeadlessCMS
from cms_operator.resources import labels, metadata, names
from cms_operator.resources.manifests import Manifest, parts


def build(resource: HeadlessCMS, operator_namespace: str) -> Manifest | None:
    """An empty namespace stands for an operator outside the cluster, which no rule lets in."""
    if not resource.spec.network_policy.enabled:
        return None
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata.child(resource, names.network_policy(resource.name)),
        "spec": {
            # The migration Job's pods too: nobody has to reach them.
            "podSelector": {"matchLabels": labels.instance(resource)},
            "policyTypes": ["Ingress"],
            "ingress": _rules(resource, operator_namespace),
        },
    }


def _rules(resource: HeadlessCMS, operator_namespace: str) -> list[Manifest]:
    policy = resource.spec.network_policy
    users = None
    if policy.allow_http_from is not None:
        users = [*_operator(operator_namespace), *parts(policy.allow_http_from)]
    http = _rule("http", users)
    peers = [*_operator(operator_namespace), *parts(policy.allow_metrics_from)]
    # A rule without peers would let in everybody.
    return [http, _rule("admin", peers)] if peers else [http]


def _rule(port: str, peers: list[Manifest] | None) -> Manifest:
    rule: Manifest = {"ports": [{"port": port, "protocol": "TCP"}]}
    return rule if peers is None else {**rule, "from": peers}


def _operator(namespace: str | None) -> list[Manifest]:
    if not namespace:
        return []
    return [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "podSelector": {"matchLabels": {labels.NAME: labels.OPERATOR}},
        }
    ]
