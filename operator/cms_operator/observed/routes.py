"""What an HTTPRoute and the Services behind it say, as decide() sees it."""

from collections.abc import Iterator, Mapping

from cms_operator.api.fields.route import GatewayRoute
from cms_operator.api.objects import Object
from cms_operator.observed.snapshot import FULL, RouteState
from cms_operator.resources import labels, names
from cms_operator.resources.children.http_route import LEADS_TO_PREVIEW

# What a gateway says of a route that it has taken as it is written.
_TAKEN = ("Accepted", "ResolvedRefs")


def route_state(
    name: str,
    gateway: GatewayRoute,
    route: Object | None,
    services: Mapping[str, Object],
    endpoints: Mapping[str, int],
) -> RouteState:
    """The route of the HeadlessCMS `name`; `endpoints` are its main Service's by revision."""
    preview = names.preview_service(name)
    return RouteState(
        main=_selected(services.get(names.service(name))),
        preview=_selected(services.get(preview)),
        weight=_weight(route, preview),
        opened=any(ref.get("name") == preview for rule in _rules(route) for ref in _refs(rule)),
        settled=route is not None and is_accepted(route, gateway),
        leads=LEADS_TO_PREVIEW in ((route or {}).get("metadata", {}).get("annotations") or {}),
        endpoints=endpoints,
    )


def with_traffic(route: RouteState, preview: Mapping[str, int]) -> Mapping[str, int]:
    """Endpoints that get requests: the main Service's, and with a weight the preview one's."""
    if not route.weight:
        return route.endpoints
    names = {*route.endpoints, *preview}
    return {name: max(route.endpoints.get(name, 0), preview.get(name, 0)) for name in names}


def is_accepted(route: Object, gateway: GatewayRoute) -> bool:
    """The Gateway's controller has accepted the newest generation, and found all backends."""
    namespace = route["metadata"]["namespace"]
    generation = route["metadata"].get("generation", 0)
    wanted = (gateway.name, gateway.namespace or namespace, gateway.section_name)
    return any(
        _parent(parent.get("parentRef") or {}, namespace) == wanted
        and set(_TAKEN) <= set(_true_for(parent, generation))
        for parent in (route.get("status") or {}).get("parents") or []
    )


def _parent(ref: Object, namespace: str) -> tuple[str | None, str, str | None]:
    return ref.get("name"), ref.get("namespace") or namespace, ref.get("sectionName")


def _true_for(parent: Object, generation: int) -> Iterator[str]:
    for condition in parent.get("conditions") or []:
        seen = condition.get("observedGeneration", 0)
        if condition.get("status") == "True" and seen >= generation:
            yield condition["type"]


def _selected(service: Object | None) -> str | None:
    found = (service or {}).get("spec") or {}
    revision: str | None = (found.get("selector") or {}).get(labels.REVISION)
    return revision


def _weight(route: Object | None, preview: str) -> int:
    """The preview Service's percentage of the requests whose headers ask for no revision."""
    refs = [ref for rule in _rules(route) if _is_for_everybody(rule) for ref in _refs(rule)]
    total = sum(ref.get("weight", 1) for ref in refs)
    share = sum(ref.get("weight", 1) for ref in refs if ref.get("name") == preview)
    return round(FULL * share / total) if total else 0


def _rules(route: Object | None) -> list[Object]:
    return ((route or {}).get("spec") or {}).get("rules") or []


def _is_for_everybody(rule: Object) -> bool:
    return not any(match.get("headers") for match in rule.get("matches") or [])


def _refs(rule: Object) -> list[Object]:
    return rule.get("backendRefs") or []
