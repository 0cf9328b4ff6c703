"""Act two: a pod dies and somebody changes a child by hand, while requests run."""

import time
from typing import Any

from demo.stage import NAMESPACE, Stage
from demo.traffic import STEADY
from demo.waiting import wait_until

HEALING_SECONDS = 180


class RequestsLostError(Exception):
    pass


def disturb(stage: Stage, path: str) -> None:
    with stage.load.send(stage.cms.service_url + path, STEADY) as traffic:
        stage.say(f"requests run, {STEADY.rate:.0f} a second over {STEADY.connections} connections")
        _delete_a_pod(stage)
        _scale_by_hand(stage)
        report = traffic.stop()
    if report.failed:
        raise RequestsLostError(f"{report.failed} of {report.requests}: {report.failures}")
    times = report.milliseconds
    stage.say(
        f"none of {report.requests} requests failed "
        f"(p50 {times['p50']} ms, p99 {times['p99']} ms, longest {times['max']} ms)"
    )


def _delete_a_pod(stage: Stage) -> None:
    before = stage.cms.serving_pods()
    started = time.monotonic()
    stage.kubectl("delete", "pod", before[0], "-n", NAMESPACE, "--wait=false")
    stage.say(f"deleted pod {before[0]}")
    wait_until(
        lambda: len(set(stage.cms.serving_pods()) - {before[0]}) >= len(before),
        HEALING_SECONDS,
        "another pod is ready in its place",
    )
    stage.say(f"another one serves in its place after {time.monotonic() - started:.1f} s")


def _scale_by_hand(stage: Stage) -> None:
    deployment = _deployment(stage)
    name, wanted = deployment["metadata"]["name"], deployment["spec"]["replicas"]
    started = time.monotonic()
    stage.kubectl("scale", "deployment", name, "-n", NAMESPACE, "--replicas=1")
    stage.say(f"scaled Deployment {name} from {wanted} to 1 by hand")
    wait_until(
        lambda: _deployment(stage)["spec"]["replicas"] > 1, HEALING_SECONDS, "it is put right"
    )
    stage.say(f"the operator put it right after {time.monotonic() - started:.1f} s")
    wait_until(
        lambda: len(stage.cms.serving_pods()) >= wanted, HEALING_SECONDS, "all pods serve again"
    )


def _deployment(stage: Stage) -> dict[str, Any]:
    (deployment,) = stage.cms.deployments()
    return deployment
