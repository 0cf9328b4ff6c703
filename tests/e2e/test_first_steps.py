"""Three lines of spec become an article that anybody can read."""

from pathlib import Path

import pytest
import yaml

from demo.headless_cms import HeadlessCms
from demo.tools import CommandError, Kubectl
from tests.e2e.world import SMALL, TENANT, World

MINIMAL = Path(__file__).parents[2] / "config" / "samples" / "minimal.yaml"


def test_three_line_spec_becomes_ready_and_serves_an_article(world: World) -> None:
    sample = yaml.safe_load(MINIMAL.read_text())
    world.write_source("minimal", "minimal")
    sample["metadata"].update(name="minimal", namespace=world.namespace)
    sample["spec"].update(image=world.image, secretName="minimal-cms")
    # The default requests would not fit two cores beside what the other processes try.
    sample["spec"]["resources"] = SMALL["resources"]
    cms = HeadlessCms(world.kubectl, world.namespace, "minimal")
    try:
        world.kubectl.apply(sample)
        world.wait_until_ready(cms)
        assert len(cms.serving_pods()) == 3

        cms.patch({"tenants": [{"name": TENANT, "ownerEmail": "owner@acme.example"}]})
        world.wait_until_ready(cms)
        path = world.publish_article(cms, "first", "The first")
        assert world.read(cms, path)["fields"]["title"] == "The first"
    finally:
        world.delete(cms)


def test_kubectl_waits_for_ready_and_shows_the_state_in_one_line(
    world: World, shop: HeadlessCms
) -> None:
    world.kubectl(
        "wait", "headlesscms", shop.name, "-n", world.namespace, "--for=condition=Ready",
        "--timeout=10s",
    )  # fmt: skip
    table = world.kubectl("get", "hcms", shop.name, "-n", world.namespace)
    header, line = table.splitlines()
    assert header.split() == ["NAME", "READY", "VERSION", "REPLICAS", "STRATEGY", "AGE"]
    tag = shop.found()["spec"]["image"].rpartition(":")[2]
    assert line.split()[:5] == ["shop", "True", tag, "2", "RollingUpdate"]


def test_the_cms_runs_where_only_restricted_pods_are_let_in(
    world: World, shop: HeadlessCms, kubectl: Kubectl
) -> None:
    root = '{"spec":{"containers":[{"name":"c","image":"x","securityContext":{"runAsUser":0}}]}}'
    with pytest.raises(CommandError, match='violates PodSecurity "restricted'):
        kubectl("run", "root", "-n", world.namespace, "--image=x", f"--overrides={root}")
    assert len(shop.serving_pods()) == 2
