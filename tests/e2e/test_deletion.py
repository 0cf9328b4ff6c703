"""A deleted HeadlessCMS leaves nothing in the cluster, and everything in the database."""

from collections.abc import Callable

from demo.headless_cms import HeadlessCms
from demo.tools import CommandError
from demo.waiting import wait_until
from localcluster import gateway
from tests.e2e.world import READY_SECONDS, World

CLEANING_SECONDS = 120


def kept_kinds(world: World) -> str:
    """Not events, which outlive what they tell of, nor what is measured when it is asked for.

    The gateway's kinds come and go with the tests of another process, and no route is asked for.
    """
    kinds = wait_until(lambda: listed_kinds(world), READY_SECONDS, "every API answers")
    passing = (".metrics.k8s.io", *gateway.KINDS)
    return ",".join(
        kind for kind in kinds if not kind.startswith("events") and not kind.endswith(passing)
    )


def listed_kinds(world: World) -> list[str]:
    """None where one API, as that of the metrics, is away for a moment."""
    try:
        return world.kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    except CommandError:
        return []


def leftovers(world: World, cms: HeadlessCms, kinds: str) -> str:
    return world.kubectl("get", kinds, "-n", world.namespace, "-l", cms.selector, "-o", "name")


def test_deletion_leaves_only_the_content(world: World, make: Callable[..., HeadlessCms]) -> None:
    world.write_source("leaving", "leaving")
    cms = make("leaving", autoscaling={"minReplicas": 1, "maxReplicas": 2}, replicas=1)
    world.wait_until_ready(cms)
    kinds = kept_kinds(world)
    found = {line.partition("/")[0] for line in leftovers(world, cms, kinds).split()}
    assert {"secret", "deployment.apps", "job.batch", "service"} <= found

    world.delete(cms)
    wait_until(
        lambda: leftovers(world, cms, kinds) == "", CLEANING_SECONDS, "all children are gone"
    )
    tables = world.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'tenants'", "leaving")
    assert int(tables) == 1
