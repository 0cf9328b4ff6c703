"""A changed password and a rotated key reach the pods that run."""

import json
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

import httpx
import pytest

from demo.editor import Editor
from demo.headless_cms import HeadlessCms
from demo.metrics import health
from demo.tools import CommandError
from demo.waiting import wait_until
from tests.e2e.world import REQUEST_SECONDS, TENANT, World

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


def test_a_rotated_key_ends_no_session_and_goes_after_the_last_token_of_the_old_one(
    world: World, shop: HeadlessCms
) -> None:
    before = pods(shop)
    with (
        world.kubectl.forwarded(shop.name, world.namespace) as address,
        httpx.Client(base_url=address, timeout=REQUEST_SECONDS) as http,
    ):
        editor = Editor.log_in(http, shop.owner(TENANT))
        shop.ask("rotate-jwt-key", "2026-11-25")
        # The pods learn of two changes of their Secret, one after the other.
        wait_until_key_is(shop, "Retiring", 2 * PROPAGATION_SECONDS)
        assert is_logged_in(editor), "a token of the old key is good"

        let_the_last_token_run_out(world, shop)
        wait_until_key_is(shop, "Stable")
        wait_until(
            lambda: not is_logged_in(editor), PROPAGATION_SECONDS, "the old key is forgotten"
        )
        assert is_logged_in(Editor.log_in(http, shop.owner(TENANT)))
    assert pods(shop) == before


def wait_until_key_is(cms: HeadlessCms, phase: str, seconds: float = PROPAGATION_SECONDS) -> None:
    wait_until(
        lambda: cms.found()["status"]["jwtKeys"]["phase"] == phase,
        seconds,
        f"the rotation is {phase}",
    )


def let_the_last_token_run_out(world: World, cms: HeadlessCms) -> None:
    """Pretend that the phase has begun long ago."""
    since = {"status": {"jwtKeys": {"since": "2026-01-01T00:00:00Z"}}}
    where = ("-n", world.namespace, "--subresource=status", "--type=merge")
    world.kubectl("patch", "headlesscms", cms.name, *where, "-p", json.dumps(since))


def is_logged_in(editor: Editor) -> bool:
    try:
        editor.search("anything")
    except httpx.HTTPStatusError as error:
        if error.response.status_code != HTTPStatus.UNAUTHORIZED:
            raise
        return False
    return True


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
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
        "WHERE usename = 'rotated_service'"
    )
    cut_at = datetime.fromisoformat(world.sql("SELECT clock_timestamp()"))
    found = [health(world.kubectl, world.namespace, pod) for pod in cms.serving_pods()]
    # A pod keeps its last answer for a moment, which may be from before the cut.
    return all(one.checked_at > cut_at and one.status["database"] == "ok" for one in found)


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
