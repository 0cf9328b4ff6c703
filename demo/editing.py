"""Act one: an editor publishes an article, and several pods serve it."""

import time

import httpx

from demo.editor import Editor
from demo.metrics import delivered
from demo.stage import NAME, NAMESPACE, TENANT, Stage
from demo.traffic import STEADY
from demo.waiting import wait_until

FEWEST_PODS = 2
REQUEST_SECONDS = 15


def publish(stage: Stage) -> str:
    """Returns the path of the article."""
    with (
        stage.kubectl.forwarded(NAME, NAMESPACE) as address,
        httpx.Client(base_url=address, timeout=REQUEST_SECONDS) as http,
    ):
        owner = stage.cms.owner(TENANT)
        editor = Editor.log_in(http, owner)
        stage.say(f"logged in as {owner.email}, the owner of tenant {TENANT}")
        if not editor.has_content_type("article"):
            editor.create_article_type()
            stage.say("made the content type article")
        editor.open_delivery_to_everybody()
        slug = f"hello-{int(time.time())}"
        path = editor.publish_article(slug, "Hello, world", "Served by any pod.")
        title = editor.read(path)["fields"]["title"]
        stage.say(f"published and read back {path}: {title!r}")
    return path


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
