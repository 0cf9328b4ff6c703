"""Act one: an editor publishes an article, and several pods serve it."""

from demo import content
from demo.metrics import delivered
from demo.stage import NAME, NAMESPACE, TENANT, Stage
from demo.traffic import STEADY
from demo.waiting import wait_until

FEWEST_PODS = 2


def publish(stage: Stage) -> str:
    """Returns the path of the article."""
    with stage.kubectl.forwarded(NAME, NAMESPACE) as address:
        return content.show(address, stage.cms.owner(TENANT), stage.say)


def read_from_several_pods(stage: Stage, path: str) -> None:
    before = _counts(stage)

    def answered() -> dict[str, int]:
        return {pod: count - before.get(pod, 0) for pod, count in _counts(stage).items()}

    def several_have_answered() -> bool:
        return sum(count > 0 for count in answered().values()) >= FEWEST_PODS

    with stage.load.send(stage.cms.service_url + path, STEADY) as traffic:
        wait_until(several_have_answered, 60, "two pods have answered")
        report = traffic.stop()
    shares = ", ".join(f"{pod}: {count}" for pod, count in answered().items())
    stage.say(f"read it {report.requests} times through the Service; answered by {shares}")


def _counts(stage: Stage) -> dict[str, int]:
    return {pod: delivered(stage.kubectl, NAMESPACE, pod) for pod in stage.cms.serving_pods()}
