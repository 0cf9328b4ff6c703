"""The route by a Gateway, and the weights of a rollout in it."""

from dataclasses import dataclass

from cms_operator.api import HeadlessCMS
from cms_operator.resources import metadata, names
from cms_operator.resources.manifests import Manifest, part

# The CMS tells its revision by this header; who sends it back stays with that revision.
REVISION_HEADER = "X-HCMS-Revision"
# For testers, who need not know the revision.
ANY_CANDIDATE = "candidate"
_FULL = 100


@dataclass(frozen=True, slots=True)
class Trial:
    """The candidate is behind the preview Service and gets `weight` percent of the requests."""

    stable: str
    candidate: str
    weight: int


def build(resource: HeadlessCMS, trial: Trial | None = None) -> Manifest | None:
    route = resource.spec.route
    if route is None or route.gateway is None:
        return None
    gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway", **part(route.gateway)}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata.child(resource, names.route(resource.name)),
        "spec": {
            "parentRefs": [gateway],
            "hostnames": [route.host],
            "rules": _rules(resource, trial),
        },
    }


def _rules(resource: HeadlessCMS, trial: Trial | None) -> list[Manifest]:
    """A match with a header outranks one without; the weights are for everybody else.

    The rule for everybody is the first one, always: some gateways name what is behind a rule by
    its place, and would lead readers to where testers were, or to nothing, for a moment.
    """
    main, preview = names.service(resource.name), names.preview_service(resource.name)
    if trial is None:
        return [_rule([_everything()], [_backend(resource, main, 1)])]
    shares = [_backend(resource, main, _FULL - trial.weight)]
    if trial.weight:
        shares.append(_backend(resource, preview, trial.weight))
    mine = [_everything(value) for value in (trial.candidate, ANY_CANDIDATE)]
    rules = [_rule([_everything()], shares), _rule(mine, [_backend(resource, preview, 1)])]
    if 0 < trial.weight < _FULL:
        rules.append(_rule([_everything(trial.stable)], [_backend(resource, main, 1)]))
    return rules


def _rule(matches: list[Manifest], backends: list[Manifest]) -> Manifest:
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
