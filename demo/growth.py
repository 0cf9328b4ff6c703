"""Act four: load until the autoscaler adds a pod."""

import time

from demo.stage import Stage
from demo.traffic import FULL
from demo.waiting import wait_until

SCALING_SECONDS = 240
SERVING_SECONDS = 120


def grow(stage: Stage, path: str) -> None:
    spec = stage.cms.found()["spec"]
    before = spec["replicas"]
    if before >= spec["autoscaling"]["maxReplicas"]:
        stage.say(f"the autoscaler has its most pods, {before}, already; it takes some away soon")
        return
    started = time.monotonic()
    with stage.load.send(stage.cms.service_url + path, FULL) as traffic:
        stage.say(f"requests run as fast as {FULL.connections} connections get answers")
        wanted = wait_until(
            lambda: _more_than(before, stage), SCALING_SECONDS, "the autoscaler asks for a pod"
        )
        stage.say(f"the autoscaler went from {before} to {wanted} pods")
        wait_until(
            lambda: len(stage.cms.serving_pods()) > before, SERVING_SECONDS, "one more pod serves"
        )
        elapsed = time.monotonic() - started
        report = traffic.stop()
    stage.say(
        f"{len(stage.cms.serving_pods())} pods serve, {elapsed:.0f} s after the load began "
        f"({report.requests} requests, {report.failed} failed, p99 {report.milliseconds['p99']} ms)"
    )


def _more_than(before: int, stage: Stage) -> int | None:
    replicas = int(stage.cms.found()["spec"]["replicas"])
    return replicas if replicas > before else None
