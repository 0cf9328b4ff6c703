"""Act three: releases while requests run: a good one, a bad one, a switch; and what was lost."""

from dataclasses import dataclass
from typing import Any

from demo.headless_cms import current_rollout
from demo.stage import Stage
from demo.traffic import Pace, Report
from demo.waiting import wait_until

RELEASE_SECONDS = 300
# Enough requests for a verdict within a pause.
BUSY = Pace(connections=8, rate=120)
CANARY: dict[str, Any] = {
    "strategy": "Canary",
    "canary": {
        "steps": [
            {"setWeight": 34},
            {"pause": {"duration": 30}},
            {"setWeight": 67},
            {"pause": {"duration": 15}},
        ]
    },
    "analysis": {"intervalSeconds": 5, "warmUpSeconds": 10},
    "bakeSeconds": 10,
}
BLUE_GREEN: dict[str, Any] = {
    "strategy": "BlueGreen",
    "blueGreen": {"scaleDownDelaySeconds": 5},
    "bakeSeconds": 10,
}


class UnexpectedEndError(Exception):
    """A release ended otherwise than the demo promises."""


@dataclass(frozen=True)
class Images:
    """References: the one that serves, another good one, and one that fails some requests."""

    first: str
    next: str
    bad: str


def were_shown(status: dict[str, Any], images: Images) -> bool:
    """The history still knows them from an earlier run of the demo."""
    return {images.next, images.bad} <= {found["image"] for found in status.get("revisions", [])}


def release(stage: Stage, path: str, images: Images) -> None:
    if were_shown(stage.cms.found()["status"], images):
        stage.say("the releases were shown before; `make demo-down` and they are shown again")
        return
    stage.say("a good release by canary:")
    good = _release(stage, path, images.next, CANARY, "Completed")
    _tell(stage, good)
    stage.say("a release that fails one request in twenty:")
    bad = _release(stage, path, images.bad, CANARY, "Aborted")
    status = stage.cms.rollout()
    stage.say(f"it was taken back by itself: {status['message']}")
    _tell(stage, bad, status["revision"])
    stage.say("a release by a blue-green switch:")
    switched = _release(stage, path, images.first, BLUE_GREEN, "Completed")
    _tell(stage, switched)


def _release(stage: Stage, path: str, image: str, rollout: dict[str, Any], end: str) -> Report:
    settings = dict.fromkeys(("canary", "blueGreen", "analysis")) | rollout
    old = stage.cms.found()["status"]["updatedRevision"]
    shown = ""

    def is_over() -> bool:
        nonlocal shown
        found = stage.cms.found()
        if current_rollout(found).get("revision") in {None, old}:
            return False
        status = found["status"]
        if (line := describe(status)) != shown:
            shown = line
            stage.say(f"  {line}")
        phase: str = status["rollout"]["phase"]
        if phase in {"Completed", "Aborted"} and phase != end:
            raise UnexpectedEndError(f"it is {phase}: {status['rollout'].get('message', '')}")
        return phase == end and stage.cms.is_alone()

    with stage.load.send(stage.cms.service_url + path, BUSY) as traffic:
        stage.cms.patch({"image": image, "rollout": settings})
        wait_until(is_over, RELEASE_SECONDS, f"the release is {end}")
        return traffic.stop()


def describe(status: dict[str, Any]) -> str:
    """One line: where the rollout is, its weights, and the pods of each revision."""
    rollout = status["rollout"]
    step = min(rollout.get("currentStepIndex", 0) + 1, max(rollout.get("steps", 0), 1))
    pods = ", ".join(
        f"{found['name']} {found.get('readyReplicas', 0)}/{found.get('replicas', 0)}"
        for found in status.get("revisions", [])
        if found.get("replicas")
    )
    seen = rollout.get("observedWeight")
    return (
        f"{rollout['strategy']:<10} {rollout['phase']:<12} "
        f"step {step}/{max(rollout.get('steps', 0), 1)}  "
        f"weight {rollout.get('setWeight', 0):>3} % (set {rollout.get('actualWeight', 0):>3} %, "
        f"seen {'  -' if seen is None else f'{seen:>3}'} %)  pods {pods}"
    )


def lost_requests(report: Report, candidate: str) -> int:
    """Only what a bad candidate has answered itself may be a failure."""
    return report.failed - report.blamed.get(candidate, 0)


def _tell(stage: Stage, report: Report, candidate: str = "") -> None:
    lost = lost_requests(report, candidate)
    shares = ", ".join(f"{name}: {count}" for name, count in sorted(report.revisions.items()))
    stage.say(f"{lost} of {report.requests} requests were lost; answers by revision: {shares}")
    if candidate:
        blamed = report.blamed.get(candidate, 0)
        stage.say(f"{blamed} failures, all of them answers of the bad revision {candidate}")
    if lost:
        raise UnexpectedEndError(f"requests were lost: {report.failures}")
