"""A changed password reaches the pods that run."""

from collections.abc import Callable

import pytest

from demo.headless_cms import HeadlessCms
from demo.metrics import health
from demo.tools import CommandError
from demo.waiting import wait_until
from tests.e2e.world import World

# The kubelet looks for changed Secrets about once a minute.
PROPAGATION_SECONDS = 180


def test_a_changed_password_reaches_running_pods_without_a_restart(
    world: World, make: Callable[..., HeadlessCms]
) -> None:
    world.make_database("rotated")
    world.sql("CREATE ROLE rotated_service LOGIN PASSWORD 'the-old-one'")
    write_source(world, "the-old-one")
    cms = make("rotated")
    world.wait_until_ready(cms)
    path = world.publish_article(cms, "hello", "Hello")
    before = pods(cms)

    world.sql("ALTER ROLE rotated_service PASSWORD 'the-new-one'")
    write_source(world, "the-new-one")
    wait_until(lambda: all_log_in_again(world, cms), PROPAGATION_SECONDS, "every pod logs in anew")

    assert pods(cms) == before
    assert world.read(cms, path)["fields"]["title"] == "Hello"
    with pytest.raises(CommandError, match="password authentication failed"):
        log_in(world, "the-old-one")


def write_source(world: World, password: str) -> None:
    """The service's role by its own URL; the owner's only for the migration Job."""
    world.write_secret(
        "rotated-cms",
        {
            "database-url": world.database_url("rotated", "rotated_service", password),
            "migration-database-url": world.database_url("rotated"),
            "redis-url": world.source()["redis-url"],
        },
    )


def all_log_in_again(world: World, cms: HeadlessCms) -> bool:
    """After its connections were cut, each pod must log in for the next one."""
    world.sql(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE usename = 'rotated_service'"
    )
    return all(
        health(world.kubectl, world.namespace, pod)["database"] == "ok"
        for pod in cms.serving_pods()
    )


def log_in(world: World, password: str) -> None:
    psql = "PGPASSWORD=$(cat) psql -h 127.0.0.1 -U rotated_service -d rotated -c 'SELECT 1'"
    world.kubectl(
        "exec", "-i", "-n", world.namespace, "demo-postgres-0", "--", "sh", "-c", psql,
        stdin=password,
    )  # fmt: skip


def pods(cms: HeadlessCms) -> set[tuple[str, int]]:
    """Uid and restarts of each."""
    return {
        (pod["metadata"]["uid"], status["restartCount"])
        for pod in cms.pods()
        for status in pod["status"]["containerStatuses"]
    }
