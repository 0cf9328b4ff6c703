"""Which pods a Service sends traffic to, as EndpointSlices tell."""

from collections import Counter
from collections.abc import Iterable

from cms_operator.api.objects import Object
from cms_operator.observed.family import revision_of

SERVICE_LABEL = "kubernetes.io/service-name"


def serving_endpoints(
    slices: Iterable[Object], pods: Iterable[Object], service: str
) -> dict[str, int]:
    """How many ready endpoints of the Service belong to each revision."""
    revisions = {pod["metadata"]["name"]: revision_of(pod) for pod in pods}
    counted: Counter[str] = Counter()
    for found in slices:
        if (found["metadata"].get("labels") or {}).get(SERVICE_LABEL) != service:
            continue
        for endpoint in found.get("endpoints") or []:
            revision = revisions.get((endpoint.get("targetRef") or {}).get("name"))
            if revision and takes_traffic(endpoint):
                counted[revision] += 1
    return dict(counted)


def takes_traffic(endpoint: Object) -> bool:
    conditions = endpoint.get("conditions") or {}
    # The API reads an absent `ready` as true.
    return conditions.get("ready") is not False and not conditions.get("terminating")
