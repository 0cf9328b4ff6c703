"""Traffic by the weights of a route: towards what is wanted, by one safe act at a time.

Weight goes only to a revision that is ready behind its Service, and a Service
changes its revision only while the route sends nothing there.
"""

from dataclasses import dataclass

from cms_operator.observed.snapshot import RouteState, Snapshot


@dataclass(frozen=True, slots=True)
class WantedTraffic:
    """Who shall have the traffic: `weight` percent the candidate, the rest stable.

    The weight goes up when `pods` of the candidate are ready, and down when
    `stable_pods` of the stable revision are.
    """

    stable: str
    candidate: str | None = None
    weight: int = 0
    pods: int = 0
    stable_pods: int = 1


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the Services and the route say now.

    `main` is None where the Service selects all revisions; `opened` lets in those
    who ask for the candidate by a header. `leads`: the gateway may send requests to the preview
    Service, by this route or by one before it.
    """

    main: str | None
    preview: str
    weight: int = 0
    opened: bool = False
    leads: bool = False


def weighs(snapshot: Snapshot, strategy: str) -> bool:
    """Whether a route weighs the traffic. One that still leads to a candidate does, whatever the
    strategy, until the gateway has accepted that it is closed.
    """
    return snapshot.route is not None and (strategy == "Canary" or snapshot.route.uses_preview)


def next_traffic(snapshot: Snapshot, wanted: WantedTraffic) -> Traffic:
    seen = snapshot.route or RouteState()
    weight = _weight(snapshot, seen, wanted)
    opened = weight > 0 or _can_open(snapshot, seen, wanted)
    return Traffic(
        main=_main(snapshot, seen, wanted.stable),
        preview=_preview(seen, wanted.candidate or wanted.stable),
        weight=weight,
        opened=opened,
        leads=opened or seen.uses_preview,
    )


def is_set(snapshot: Snapshot, wanted: WantedTraffic) -> bool:
    """All is as wanted, and the gateway has accepted it."""
    seen = snapshot.route or RouteState()
    expected = Traffic(
        main=wanted.stable,
        preview=wanted.candidate or wanted.stable,
        weight=wanted.weight,
        opened=wanted.weight > 0 or _can_open(snapshot, seen, wanted),
    )
    written = Traffic(seen.main, seen.preview or "", seen.weight, seen.opened)
    enough = _ready(snapshot, seen, wanted.candidate) >= wanted.pods
    return seen.settled and written == expected and enough


def reachable(snapshot: Snapshot) -> set[str]:
    """Revisions to which a request may still come: their pods stay.

    Where the Service selects all, they give way to each other as pods get ready.
    """
    seen = snapshot.route
    if seen is None:
        return set()
    found = {seen.main}
    if seen.main is not None:
        found |= {name for name, pods in seen.endpoints.items() if pods}
    if seen.uses_preview:
        found.add(seen.preview)
    return {name for name in snapshot.revisions if name in found}


def waits_for_gateway(snapshot: Snapshot, strategy: str) -> str:
    """What to tell people while the gateway has not taken the route as it is written."""
    if snapshot.route is None or snapshot.route.settled or not weighs(snapshot, strategy):
        return ""
    return (
        "The gateway has not accepted the HTTPRoute as it is now: see its status.parents, and "
        "check that the Gateway of spec.route.gateway is there and has a controller."
    )


def _main(snapshot: Snapshot, seen: RouteState, stable: str) -> str | None:
    if seen.main is None and _route_needs_mixed_pods(snapshot, seen, stable):
        return None
    if seen.main and seen.preview == stable and seen.weight and not seen.settled:
        return seen.main
    return stable


def _route_needs_mixed_pods(snapshot: Snapshot, seen: RouteState, stable: str) -> bool:
    """Narrowed to the stable revision now, the Service would have too few pods."""
    others = any(pods for name, pods in seen.endpoints.items() if name != stable)
    return others and seen.endpoints.get(stable, 0) < snapshot.replicas


def _preview(seen: RouteState, revision: str) -> str:
    return seen.preview if seen.preview and seen.uses_preview else revision


def _weight(snapshot: Snapshot, seen: RouteState, wanted: WantedTraffic) -> int:
    if seen.main == wanted.stable and seen.preview == wanted.candidate:
        return _towards(snapshot, seen, wanted)
    if seen.preview == wanted.stable and seen.weight:
        turned = _main_is(snapshot, seen, wanted.stable) or _turns_unseen(snapshot, seen, wanted)
        return 0 if turned else seen.weight
    return _closed(snapshot, seen)


def _towards(snapshot: Snapshot, seen: RouteState, wanted: WantedTraffic) -> int:
    ready = _ready(snapshot, seen, wanted.candidate)
    if not ready and snapshot.replicas:
        return _closed(snapshot, seen)
    if wanted.weight > seen.weight:
        return wanted.weight if ready >= wanted.pods else seen.weight
    if wanted.weight < seen.weight:
        enough = seen.endpoints.get(wanted.stable, 0) >= wanted.stable_pods
        return wanted.weight if enough else seen.weight
    return seen.weight


def _closed(snapshot: Snapshot, seen: RouteState) -> int:
    """Weight 0 at once, unless only pods behind the preview Service answer."""
    preview = snapshot.revision(seen.preview or "").preview
    return 0 if any(seen.endpoints.values()) or not preview else seen.weight


def _main_is(snapshot: Snapshot, seen: RouteState, revision: str) -> bool:
    """The Service has the revision's pods, and no others, among its endpoints."""
    others = any(pods for name, pods in seen.endpoints.items() if name != revision)
    everyone = seen.endpoints.get(revision, 0) >= snapshot.revision(revision).preview
    return seen.main == revision and not others and everyone


def _turns_unseen(snapshot: Snapshot, seen: RouteState, wanted: WantedTraffic) -> bool:
    """The Service turns now, and without pods no event will tell that it has."""
    nobody = not snapshot.replicas and not any(seen.endpoints.values())
    return nobody and _main(snapshot, seen, wanted.stable) == wanted.stable


def _can_open(snapshot: Snapshot, seen: RouteState, wanted: WantedTraffic) -> bool:
    """Testers may come while pods are wanted and some are ready."""
    return wanted.pods > 0 and _ready(snapshot, seen, wanted.candidate) > 0


def _ready(snapshot: Snapshot, seen: RouteState, candidate: str | None) -> int:
    """Pods of the candidate that would answer behind the preview Service."""
    if candidate is None or seen.preview != candidate or seen.main in {None, candidate}:
        return 0
    found = snapshot.revision(candidate)
    return min(found.wanted, found.available, found.preview)
