"""`kubectl hcms status`: the object, its rollout and its pods as a tree."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, get_args

from cms_operator.api import InvalidSpec, parse
from cms_operator.api.fields.rollout import Strategy
from cms_operator.api.objects import Object
from cms_operator.cli import pods as pod_rows
from cms_operator.cli.steps import steps_of
from cms_operator.cli.text import BAD, BUSY, GOOD, HELD, age, labels_of, table
from cms_operator.resources.labels import REVISION
from cms_operator.rollout.transitions import IN_FLIGHT

# Conditions that are good when they are false.
_NEGATIVE = ("Reconciling", "Stalled")
_SHOWN_ALWAYS = ("Ready", "Reconciling", "Stalled", "Available", "Progressing")
_PHASES = {"Paused": HELD, "Aborted": BAD, "Completed": GOOD, "Superseded": GOOD}
_VERDICTS = {"Successful": GOOD, "Failed": BAD, "Error": HELD, "Inconclusive": HELD}


def render(hcms: Object, pods: Sequence[Object], now: datetime) -> list[str]:
    status = hcms.get("status") or {}
    header = [*_object(hcms, status), *_rollout(hcms, status)]
    blocks = [table(header), table(list(_conditions(status))), table(_requests(status))]
    blocks.append(table([["NAME", "STATUS", "READY", "AGE", "INFO"], *_tree(hcms, pods, now)]))
    # The last: a terminal that is too small for all of it shows the pods.
    blocks.append(table(list(_measures(status.get("rollout") or {}))))
    return [line for block in blocks if block for line in (*block, "")][:-1]


def _object(hcms: Object, status: Object) -> Iterator[list[str]]:
    yield ["Name:", hcms["metadata"]["name"]]
    yield ["Namespace:", hcms["metadata"].get("namespace", "")]
    yield ["Status:", summary(status)]
    yield ["Strategy:", str(status.get("strategy") or "")]
    yield ["Replicas:", f"{hcms['spec'].get('replicas', 0)} wanted, {_ready(status)} ready"]
    yield ["Address:", str(status.get("address") or "none yet")]
    if pin := status.get("pin"):
        words = f"{HELD} {pin['from']} to {pin['to']} by {pin['by']} since {pin['since']}"
        yield ["Rolled back:", words]


def _ready(status: Object) -> int:
    return int(status.get("readyReplicas") or 0)


def summary(status: Object) -> str:
    """One word for all of it: what stalls it, where the rollout is, whether it is ready."""
    found = {condition["type"]: condition for condition in status.get("conditions") or []}
    stalled, ready = found.get("Stalled", {}), found.get("Ready", {})
    if stalled.get("status") == "True":
        return f"{BAD} {stalled['reason']}"
    phase = (status.get("rollout") or {}).get("phase")
    if phase in IN_FLIGHT:
        return f"{_PHASES.get(phase, BUSY)} {phase}"
    mark = GOOD if ready.get("status") == "True" else BUSY
    return f"{mark} {ready.get('reason', 'Unknown')}"


def _rollout(hcms: Object, status: Object) -> Iterator[list[str]]:
    rollout = status.get("rollout")
    if rollout is None:
        return
    phase = str(rollout["phase"])
    words = f"{_PHASES.get(phase, BUSY)} {phase}, revision {rollout['revision']}"
    yield ["Rollout:", words + (f" from {rollout['previous']}" if rollout.get("previous") else "")]
    if message := rollout.get("message"):
        yield ["", str(message)]
    if analysis := rollout.get("analysis"):
        mark = _VERDICTS.get(analysis["verdict"], BUSY)
        words = analysis.get("message") or "nothing was measured yet"
        yield ["Analysis:", f"{mark} {analysis['verdict']}: {words}"]
    if by := rollout.get("heldBy"):
        yield ["", f"{HELD} paused by {by}"]
    if phase in IN_FLIGHT:
        weights = f"setWeight {rollout.get('setWeight', 0)} %"
        weights += f", actualWeight {rollout.get('actualWeight', 0)} %"
        if (seen := rollout.get("observedWeight")) is not None:
            weights += f", observedWeight {seen} %"
        yield ["Weights:", weights]
        yield from _steps(hcms, rollout)


def _steps(hcms: Object, rollout: Object) -> Iterator[list[str]]:
    done = int(rollout.get("currentStepIndex", 0))
    for index, step in enumerate(_step_words(hcms, str(rollout["strategy"]))):
        mark = GOOD if index < done else BUSY if index == done else " "
        yield ["Steps:" if index == 0 else "", f"{mark} {index + 1} {step}"]


def _step_words(hcms: Object, strategy: str) -> list[str]:
    """None where the spec cannot be read by this version."""
    try:
        rollout = parse({**hcms, "status": {}}).spec.rollout
    except InvalidSpec:
        return []
    known: Sequence[Strategy] = get_args(Strategy)
    return next((steps_of(rollout, found) for found in known if found == strategy), [])


def _conditions(status: Object) -> Iterator[list[str]]:
    for found in status.get("conditions") or []:
        good = found["status"] == ("False" if found["type"] in _NEGATIVE else "True")
        if good and found["type"] not in _SHOWN_ALWAYS:
            continue
        at_work = found["status"] == "Unknown" or found["type"] == "Reconciling"
        mark = GOOD if good else BUSY if at_work else BAD
        message = "" if good else found.get("message", "")
        yield [f"{mark} {found['type']}", found["status"], found["reason"], message]


def _requests(status: Object) -> list[list[str]]:
    return [
        [f"Asked: {found['verb']}", f"by {found.get('by', '')}", found["outcome"]]
        for found in (status.get("rollout") or {}).get("requests") or []
    ]


def _measures(rollout: Object) -> Iterator[list[str]]:
    """What each measure has found, until a release has passed."""
    found = (rollout.get("analysis") or {}).get("measures") or []
    if not found or rollout["phase"] not in (*IN_FLIGHT, "Aborted"):
        return
    yield ["MEASURE", "VERDICT", "CANDIDATE", "STABLE", "SAMPLES", "ALLOWED"]
    for measure in found:
        verdict = str(measure["verdict"])
        texts = [str(measure.get(name) or "") for name in ("candidate", "stable")]
        name = f"{_VERDICTS.get(verdict, BUSY)} {measure['name']}"
        samples = str(measure.get("samples") or 0)
        yield [name, verdict, *texts, samples, str(measure.get("limit") or "")]


def _tree(hcms: Object, pods: Sequence[Object], now: datetime) -> Iterator[list[str]]:
    status = hcms.get("status") or {}
    metadata = hcms["metadata"]
    yield [metadata["name"], summary(status), "", age(metadata.get("creationTimestamp"), now)]
    revisions = [
        found
        for found in status.get("revisions") or []
        if found.get("replicas") or found["name"] in _important(status)
    ]
    for revision, branch, stem in _branches(revisions):
        name = str(revision["name"])
        ready = f"{revision.get('readyReplicas', 0)}/{revision.get('replicas', 0)}"
        roles = ", ".join(roles_of(name, status)) or "old"
        created = age(revision.get("createdAt"), now)
        yield [f"{branch}revision {name}", roles, ready, created, revision["image"]]
        own = [pod for pod in pods if labels_of(pod).get(REVISION) == name]
        own.sort(key=lambda pod: str(pod["metadata"]["name"]))
        for pod, twig, _ in _branches(own):
            yield [f"{stem}{twig}{pod['metadata']['name']}", *pod_rows.row(pod, now)]


def _important(status: Object) -> set[Any]:
    return {status.get("stableRevision"), status.get("updatedRevision")}


def _branches(items: Iterable[Object]) -> Iterator[tuple[Object, str, str]]:
    """Each line with what is drawn before it, and before the lines that hang on it."""
    every = list(items)
    for index, item in enumerate(every):
        last = index == len(every) - 1
        yield item, "└─ " if last else "├─ ", "   " if last else "│  "


def roles_of(name: str, status: Object) -> list[str]:
    rollout = status.get("rollout") or {}
    on_trial = rollout.get("phase") in IN_FLIGHT and rollout.get("revision") == name
    pin = status.get("pin") or {}
    found = {
        "stable": name == status.get("stableRevision"),
        "on trial": on_trial,
        "taken back": rollout.get("phase") == "Aborted" and rollout.get("revision") == name,
        "rolled back from": name == pin.get("from"),
        "rolled back to": name == pin.get("to"),
    }
    return [role for role, holds in found.items() if holds]
