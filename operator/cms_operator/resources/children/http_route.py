"""The route by a Gateway, and the weights of a rollout in it."""

from dataclasses import dataclass

from cms_operator.api import HeadlessCMS
from cms_operator.resources import metadata, names
from cms_operator.resources.manifests import Manifest, part

# The CMS tells its revision by this header; who sends it back stays with that revision.
REVISION_HEADER = "X-HCMS-Revision"
# The gateway may still send requests to the preview Service, whatever the route says by now: it is
# taken away when the gateway has accepted a route that leads to nobody there.
LEADS_TO_PREVIEW = "headlesscms.io/leads-to-preview"
# Header values for testers, who know no revision. With no candidate both are the stable one.
ANY_CANDIDATE = "candidate"
ANY_STABLE = "stable"
_FULL = 100


@dataclass(frozen=True, slots=True)
class TrafficSplit:
    """The candidate is behind the preview Service and gets `weight` percent of the requests."""

    stable: str
    candidate: str
    weight: int


def build(
    resource: HeadlessCMS, split: TrafficSplit | None = None, *, leads_to_preview: bool = False
) -> Manifest | None:
    route = resource.spec.route
    if route is None or route.gateway is None:
        return None
    annotations = {LEADS_TO_PREVIEW: "true"} if leads_to_preview else None
    gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway", **part(route.gateway)}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata.child(resource, names.route(resource.name), annotations=annotations),
        "spec": {
            "parentRefs": [gateway],
            "hostnames": [route.host],
            "rules": _rules(resource, split),
        },
    }


def _rules(resource: HeadlessCMS, split: TrafficSplit | None) -> list[Manifest]:
    """Always three, in the same places; a match with a header outranks one without.

    Some gateways name what is behind a rule by its place. A rule that comes to another place would
    lead readers to where testers were, and one that goes takes what is behind it away before the
    requests to it end: Envoy answers those with 503 (cluster_not_found).
    """
    main = [_backend(resource, names.service(resource.name), 1)]
    if split is None:
        return [_rule(main), _rule(main, ANY_CANDIDATE), _rule(main, ANY_STABLE)]
    preview = [_backend(resource, names.preview_service(resource.name), 1)]
    shares = _shares(resource, split)
    # Nobody stays with a revision that has no weight any more.
    stays = _rule(main, split.stable, ANY_STABLE)
    goes = _rule(shares, ANY_STABLE)
    return [
        _rule(shares),
        _rule(preview, split.candidate, ANY_CANDIDATE),
        stays if split.weight < _FULL else goes,
    ]


def _shares(resource: HeadlessCMS, split: TrafficSplit) -> list[Manifest]:
    shares = [_backend(resource, names.service(resource.name), _FULL - split.weight)]
    if split.weight:
        shares.append(_backend(resource, names.preview_service(resource.name), split.weight))
    return shares


def _rule(backends: list[Manifest], *revisions: str) -> Manifest:
    """A rule for those who ask for one of the revisions; for all where none is named."""
    matches = [_everything(revision) for revision in revisions] or [_everything()]
    return {"matches": matches, "backendRefs": backends}


def _everything(revision: str | None = None) -> Manifest:
    match: Manifest = {"path": {"type": "PathPrefix", "value": "/"}}
    if revision is None:
        return match
    return match | {"headers": [{"type": "Exact", "name": REVISION_HEADER, "value": revision}]}


def _backend(resource: HeadlessCMS, service: str, weight: int) -> Manifest:
    return {
        "group": "",
        "kind": "Service",
        "name": service,
        "port": resource.spec.service.port,
        "weight": weight,
    }
