"""The files of deploy/ at work: nginx before three instances."""

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from benchmarks.load.client import Load, Running, Tally
from benchmarks.load.plan import Phase, Route
from tests.service.outside import INSTANCES, Outside
from tests.service.packages import require
from tests.service.raw_requests import ATTACKS, all_that_comes, head
from tests.service.servers import wait_until
from tests.service.world import ARTICLE, expect, expect_problem
from tests.support.compose_files import DEPLOY, SWARM
from tests.support.pages import DOCS, shell_lines

# A password is slow to check on purpose, and a frozen instance is waited for until it is killed.
ANSWER_SECONDS = 60


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    require("nginx")
    with Outside(tmp_path_factory.mktemp("outside")) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def swarm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    require("nginx")
    with Outside(tmp_path_factory.mktemp("swarm"), SWARM) as deployment:
        yield deployment


@pytest.fixture(params=["outside", "swarm"])
def either(request: pytest.FixtureRequest) -> Outside:
    deployment: Outside = request.getfixturevalue(request.param)
    return deployment


@pytest.fixture(scope="module")
def tokens(outside: Outside) -> dict[str, str]:
    login = f"{outside.url}/v1/tenants/{outside.tenant}/auth/login"
    found: dict[str, str] = expect(post(login, outside.credentials()), 200)
    return found


@pytest.fixture(scope="module")
def client(outside: Outside, tokens: dict[str, str]) -> Iterator[httpx.Client]:
    """The owner of the first tenant, who has made a content type."""
    headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
    root = f"{outside.url}/v1/tenants/{outside.tenant}"
    with httpx.Client(base_url=root, headers=headers, timeout=ANSWER_SECONDS) as client:
        expect(client.post("content-types", json=ARTICLE), 201)
        yield client


def post(url: str, body: dict[str, str]) -> httpx.Response:
    return httpx.post(url, json=body, timeout=ANSWER_SECONDS)


def test_every_instance_answers_and_is_named(either: Outside) -> None:
    answers = [httpx.get(f"{either.url}/health") for _ in range(12)]
    assert {answer.headers["x-hcms-revision"] for answer in answers} == set(INSTANCES)
    assert all(answer.json()["status"] == "ok" for answer in answers)
    assert {answer.headers["server"] for answer in answers} == {"nginx"}


def test_who_logs_in_at_one_instance_is_known_to_the_others(either: Outside) -> None:
    path = f"/v1/tenants/{either.tenant}"
    one, two, three = (either.instances[name].url + path for name in INSTANCES)
    tokens = expect(post(f"{one}/auth/login", either.credentials()), 200)
    headers = {"Authorization": f"Bearer {tokens['accessToken']}"}
    expect(httpx.get(f"{two}/users", headers=headers, timeout=ANSWER_SECONDS), 200)
    spent = {"refreshToken": tokens["refreshToken"]}
    renewed = expect(post(f"{three}/auth/refresh", spent), 200)
    newest = {"refreshToken": renewed["refreshToken"]}
    expect(post(f"{two}/auth/logout", newest), 204)
    expect_problem(post(f"{one}/auth/refresh", newest), 401)


def test_tenants_are_made_and_limited_as_the_page_says(outside: Outside, tmp_path: Path) -> None:
    password = tmp_path / "acme-password"
    password.write_text("a long enough password\n")
    lines = shell_lines(DOCS / "outside-kubernetes.md")
    commands = [
        found[1]
        for line in lines
        if (found := re.search(r"migrate python -m cms_service (.*)", line))
    ]
    assert len(commands) == 2
    for command in commands:
        done = outside.run(*shlex.split(command.replace("/run/acme", str(password))))
        assert done.returncode == 0, done.stderr
    assert "entries 50000" in done.stdout.splitlines()
    login = {"email": "owner@acme.example", "password": password.read_text().strip()}
    expect(post(f"{outside.url}/v1/tenants/acme/auth/login", login), 200)


def test_nginx_has_a_file_for_each_of_its_connections(outside: Outside) -> None:
    """Else it takes no more clients while it waits for those that are idle."""
    most = re.search(r"worker_connections (\d+);", (DEPLOY / "nginx.conf").read_text())
    assert most is not None
    workers = list(outside.nginx_workers())
    assert workers
    for pid in workers:
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert int(re.search(r"Max open files +(\d+)", limits)[1]) > int(most[1])  # type: ignore[index]


def test_redis_is_closed_to_strangers_and_the_api_may_not_change_it(either: Outside) -> None:
    assert "NOPERM" in either.redis.command("KEYS", "*")
    login = f"cms {either.redis_password()}"
    assert "+OK" in either.redis.command("SET", "seen", "1", password=login).splitlines()
    for forbidden in (("FLUSHALL",), ("CONFIG", "GET", "*"), ("ACL", "LIST")):
        assert "NOPERM" in either.redis.command(*forbidden, password=login)


def test_an_id_goes_with_the_request_and_no_secret_into_the_log(
    outside: Outside, client: httpx.Client, tokens: dict[str, str]
) -> None:
    answer = client.get("users", headers={"X-Request-Id": "from-the-client.1"})
    assert answer.headers["x-request-id"] == "from-the-client.1"
    other = client.get("users?limit=1", headers={"X-Request-Id": "two words"})
    found = other.headers["x-request-id"]
    wait_until(lambda: found in outside.access_log(), "not logged")
    lines = log_lines(outside, 0)
    (line,) = [line for line in lines if line["requestId"] == found]
    assert (line["path"], line["status"]) == (f"/v1/tenants/{outside.tenant}/users", "200")
    assert tokens["accessToken"] not in outside.access_log()
    assert not [line for line in lines if line["path"] == "/health"]


def test_a_body_above_the_limit_is_refused_as_the_api_would(client: httpx.Client) -> None:
    entries = "content-types/article/entries"
    large = {"fields": {"title": "x" * 1024 * 1024}}
    expect_problem(client.post(entries, json=large), 413)
    # In a temporary file of nginx on its way, and refused by the API's own rule.
    expect_problem(client.post(entries, json={"fields": {"title": "x" * 100_000}}), 422)


def test_a_body_for_which_nginx_has_no_room_gets_a_clear_answer(
    outside: Outside, client: httpx.Client
) -> None:
    with outside.no_room_for_bodies():
        large = {"fields": {"title": "x" * 100_000}}
        expect_problem(client.post("content-types/article/entries", json=large), 503)


@pytest.mark.parametrize("name", ATTACKS)
def test_what_can_be_read_in_two_ways_gets_one_clear_refusal(outside: Outside, name: str) -> None:
    answer = all_that_comes(outside.nginx_port, ATTACKS[name])
    assert answer.startswith(b"HTTP/1.1 4"), answer
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    assert b"X-Injected" not in answer
    assert not any(
        "smuggled" in instance.log.read_text() for instance in outside.instances.values()
    )


def test_http_0_9_is_refused_too(outside: Outside) -> None:
    answer = all_that_comes(outside.nginx_port, b"GET /health\r\n")
    assert json.loads(answer)["status"] == 400


def test_a_header_with_an_underscore_does_not_reach_the_api(outside: Outside) -> None:
    request = head("GET /nothing HTTP/1.1", "X_Request_Id: hidden", "Connection: close")
    assert b"hidden" not in all_that_comes(outside.nginx_port, request)


RATE = 60


def start_load(outside: Outside, tokens: dict[str, str], seconds: float) -> Running:
    delivery = f"/v1/delivery/{outside.tenant}/article"
    entries = f"/v1/tenants/{outside.tenant}/content-types/article/entries"
    headers = (("Authorization", f"Bearer {tokens['accessToken']}"),)
    draft = json.dumps({"fields": {"title": "Written under way"}}).encode()
    routes = (
        Route("read one", "GET", f"{delivery}/hello", 0.4, headers=headers),
        Route("list", "GET", delivery, 0.2, headers=headers),
        Route("write", "POST", entries, 0.4, 201, draft, headers),
    )
    phases = (Phase("steady", seconds, RATE),)
    return Running(Load(outside.url, routes, phases, 3, time.monotonic() + 0.5))


@pytest.fixture(scope="module")
def hello(client: httpx.Client) -> None:
    entries = "content-types/article/entries"
    fields = {"title": "Hello", "slug": "hello"}
    entry = expect(client.post(entries, json={"fields": fields}), 201)
    expect(client.post(f"{entries}/{entry['id']}/publish"), 200)


def wait_until_it_answers(outside: Outside, name: str) -> None:
    port, before = outside.instances[name].port, len(outside.access_log())
    place = f'"upstream":"127.0.0.1:{port}"'
    wait_until(lambda: place in outside.access_log()[before:], f"{name} gets no request")


def log_lines(outside: Outside, since: int) -> list[dict[str, str]]:
    whole, _, _ = outside.access_log()[since:].rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def wait_for_lines(
    outside: Outside, since: int, field: str, word: str, count: int = 1
) -> list[dict[str, str]]:
    """Lines with the word in this field, as many or more; each comes after its answer."""

    def found() -> list[dict[str, str]]:
        return [line for line in log_lines(outside, since) if word in line[field]]

    wait_until(lambda: len(found()) >= count, f"{word} is not logged")
    return found()


def count_entries(client: httpx.Client) -> int:
    count, query = 0, {"limit": "100"}
    while True:
        page = expect(client.get("content-types/article/entries", params=query), 200)
        count += len(page["items"])
        if page["nextCursor"] is None:
            return count
        query["cursor"] = page["nextCursor"]


def acknowledged_writes(tally: Tally) -> int:
    answered = tally.microseconds["steady", "write"].total()
    refused = sum(
        n
        for (_, route, what), n in tally.failures.items()
        if route == "write" and what.startswith("status ")
    )
    return answered - refused


@pytest.mark.usefixtures("hello")
def test_an_instance_that_is_stopped_under_load_costs_no_request(
    outside: Outside, client: httpx.Client, tokens: dict[str, str]
) -> None:
    before = count_entries(client)
    # Longer than it drains.
    running = start_load(outside, tokens, 13)
    wait_until_it_answers(outside, "api2")
    outside.instances["api2"].terminate()
    assert outside.instances["api2"].wait() == 0
    tally = running.result()
    assert dict(tally.failures) == {}
    assert set(tally.instances) == set(INSTANCES)
    assert count_entries(client) - before == acknowledged_writes(tally)
    outside.start("api2").wait_until_ready()


def is_answering(outside: Outside, name: str) -> bool:
    return httpx.get(f"{outside.url}/health").headers["x-hcms-revision"] == name


@pytest.mark.usefixtures("hello")
def test_an_instance_that_is_killed_costs_writes_in_flight_only(
    outside: Outside, client: httpx.Client, tokens: dict[str, str]
) -> None:
    before, logged = count_entries(client), len(outside.access_log())
    running = start_load(outside, tokens, 4)
    wait_until_it_answers(outside, "api3")
    place = f"127.0.0.1:{outside.instances['api3'].port}"
    outside.instances["api3"].kill()
    outside.instances["api3"].wait()
    tally = running.result()
    assert {route for _, route, _ in tally.failures} <= {"write"}
    assert {what for _, _, what in tally.failures} <= {"status 502"}
    failed = wait_for_lines(outside, logged, "status", "502", tally.failures.total())
    assert len(failed) == tally.failures.total()
    assert {line["upstream"] for line in failed} <= {place}
    # What was acknowledged is there; what was in flight is there or not, and never twice.
    written = count_entries(client) - before - acknowledged_writes(tally)
    assert 0 <= written <= len(failed)
    outside.start("api3").wait_until_ready()
    wait_until(lambda: is_answering(outside, "api3"), "api3 gets no request again")


def test_a_write_that_was_sent_is_not_sent_again(outside: Outside, client: httpx.Client) -> None:
    entries = "content-types/article/entries"
    ids = [
        expect(client.post(entries, json={"fields": {"title": "To go"}}), 201)["id"]
        for _ in range(8)
    ]
    logged = len(outside.access_log())
    outside.instances["api1"].freeze()
    with ThreadPoolExecutor(len(ids)) as pool:
        answers = {entry: pool.submit(client.delete, f"{entries}/{entry}") for entry in ids}
        # A third of them at most waits for the frozen one.
        wait_until(lambda: sum(one.done() for one in answers.values()) >= 5, "nothing is done")
        outside.instances["api1"].kill()
    failed = {entry for entry, one in answers.items() if one.result().status_code == 502}
    assert failed
    for entry, answer in answers.items():
        if entry in failed:
            expect_problem(answer.result(), 502)
            expect(client.get(f"{entries}/{entry}"), 200)
        else:
            expect(answer.result(), 204)
    lines = wait_for_lines(outside, logged, "status", "502", len(failed))
    tried = [line["upstream"] for line in lines]
    assert tried == [f"127.0.0.1:{outside.instances['api1'].port}"] * len(failed)


def test_a_write_of_which_nothing_was_sent_goes_to_another_instance(
    outside: Outside, client: httpx.Client
) -> None:
    dead = outside.instances["api2"]
    dead.kill()
    dead.wait()
    logged = len(outside.access_log())
    for views in range(3):
        fields = {"title": "Anew", "slug": f"anew-{views}", "views": views}
        entry = expect(client.post("content-types/article/entries", json={"fields": fields}), 201)
        expect(client.delete(f"content-types/article/entries/{entry['id']}"), 204)
    sent_again = wait_for_lines(outside, logged, "upstream", str(dead.port))
    assert {line["upstreamStatus"] for line in sent_again} <= {"502 : 201", "502 : 204"}


def test_the_load_test_reports(outside: Outside, tmp_path: Path) -> None:
    login = outside.credentials()
    password = tmp_path / "password"
    password.write_text(login["password"])
    options = ["--tenant", outside.tenant, "--email", login["email"], "--rate", "20"]
    options += ["--seconds", "3", "--password-file", str(password)]
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.load", outside.url, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if "|" in line][2:]
    assert {row[0] for row in rows} == {"warm-up", "steady", "peak"}, done.stderr
    assert {row[1] for row in rows} == {"read one", "read a list", "write a draft"}
    assert {row[4] for row in rows} == {"0"}, done.stdout
