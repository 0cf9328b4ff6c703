"""Which children a decision asks for, beside Secrets, Jobs and the records of revisions."""

from collections.abc import Mapping

from cms_operator.api import HeadlessCMS
from cms_operator.resources.children import (
    configmap,
    deployment,
    hpa,
    http_route,
    ingress,
    network_policy,
    pdb,
    service,
    service_account,
)
from cms_operator.resources.manifests import Manifest
from cms_operator.resources.revision import Revision
from cms_operator.rollout.decision import Decision


def wanted_children(
    hcms: HeadlessCMS,
    revisions: Mapping[str, Revision],
    decision: Decision,
    operator_namespace: str,
) -> list[Manifest]:
    """Their manifests, in the order in which they are made."""
    with_pods = [revisions[name] for name in decision.sizes if name in revisions]
    # The Service first: narrowed before a pod that shall get no traffic can start.
    wanted: list[Manifest | None] = [
        service_account.build(hcms, with_pods),
        service.build(hcms, decision.active),
        service.build_preview(hcms, decision.preview),
    ]
    alone = sum(1 for replicas in decision.sizes.values() if replicas) <= 1
    for name, replicas in sorted(decision.sizes.items()):
        if name in revisions:
            wanted.append(configmap.build(hcms, revisions[name]))
            wanted.append(deployment.build(hcms, revisions[name], replicas))
            wanted.append(pdb.build(hcms, name, alone=alone))
    wanted.append(network_policy.build(hcms, operator_namespace))
    wanted.append(hpa.build(hcms))
    wanted.append(ingress.build(hcms))
    leads = decision.traffic is not None and decision.traffic.leads
    wanted.append(http_route.build(hcms, _traffic_split(decision), leads_to_preview=leads))
    return [manifest for manifest in wanted if manifest is not None]


def _traffic_split(decision: Decision) -> http_route.TrafficSplit | None:
    traffic = decision.traffic
    if traffic is None or not traffic.opened:
        return None
    stable = traffic.main or decision.target
    return http_route.TrafficSplit(stable, traffic.preview, traffic.weight)
