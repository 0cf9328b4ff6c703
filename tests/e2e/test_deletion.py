"""A deleted HeadlessCMS leaves nothing in the cluster, and everything in the database."""

from collections.abc import Callable

from demo.headless_cms import HeadlessCms
from demo.waiting import wait_until
from tests.e2e.world import World

CLEANING_SECONDS = 120


def leftovers(world: World, cms: HeadlessCms) -> str:
    kinds = world.kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    wanted = ",".join(kind for kind in kinds if not kind.startswith("events"))
    return world.kubectl("get", wanted, "-n", world.namespace, "-l", cms.selector, "-o", "name")


def test_deletion_leaves_only_the_content(world: World, make: Callable[..., HeadlessCms]) -> None:
    world.write_source("leaving", "leaving")
    cms = make("leaving", autoscaling={"minReplicas": 1, "maxReplicas": 2}, replicas=1)
    world.wait_until_ready(cms)
    kinds = {line.partition("/")[0] for line in leftovers(world, cms).split()}
    assert {"secret", "deployment.apps", "job.batch", "service"} <= kinds

    world.delete(cms)
    wait_until(lambda: leftovers(world, cms) == "", CLEANING_SECONDS, "all children are gone")
    tables = world.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'tenants'", "leaving")
    assert int(tables) == 1
