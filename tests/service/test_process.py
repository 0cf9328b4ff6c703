# ruff: noqa: ASYNC110, ASYNC210, ASYNC212 - other processes are polled; nothing else waits for this loop
"""A pod from its start to its end, as Kubernetes sees it."""

import asyncio
import contextlib
import json
import re
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from cms_service.migrations.files import latest_version
from tests.service.processes import ServeProcess, run_cms
from tests.service.servers import wait_until
from tests.service.world import (
    PASSWORD,
    Site,
    execute,
    owner_email,
)
from tests.support.ports import loopbacks

_READERS = 8
_WRITERS = 2


@pytest.fixture
async def article(site: Site) -> str:
    """The path of a published article that everyone may read."""
    async with site.pod() as pod:
        acme = await pod.log_in("acme")
        await acme.make_type()
        await acme.publish_new(title="Hello", slug="hello")
        await acme.open_to_the_public()
        return f"{acme.delivery}/hello"


@pytest.mark.parametrize("host", ["", *loopbacks()])
def test_a_pod_listens_on_the_addresses_of_both_families_unless_it_is_told_one(
    site: Site, tmp_path: Path, host: str
) -> None:
    """The kubelet asks the pod's first address, which may be of either."""
    with ServeProcess(site.environment(HOST=host), tmp_path / "log") as pod:
        asked = [host] if host else loopbacks()
        ports = (pod.port, pod.admin_port)
        wait_until(
            lambda: all(listens(asked[0], port) for port in ports), "it listens to one port at most"
        )
        for port in ports:
            assert [address for address in loopbacks() if listens(address, port)] == asked


def listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def most_open_files(pod: ServeProcess) -> int:
    limits = Path(f"/proc/{pod.pid}/limits").read_text()
    return int(re.search(r"Max open files +(\d+)", limits)[1])  # type: ignore[index]


def test_a_pod_takes_the_open_files_that_it_may_have(site: Site, tmp_path: Path) -> None:
    """Docker and containerd give 1,024 to who does not ask."""
    under = ("prlimit", "--nofile=1024:4096")
    with ServeProcess(site.environment(), tmp_path / "log", under=under) as pod:
        pod.wait_until_ready()
        assert most_open_files(pod) == 4096


def test_however_many_clients_stay_connected_the_kubelet_gets_its_answer(
    site: Site, tmp_path: Path
) -> None:
    under = ("prlimit", "--nofile=300:300")
    with ServeProcess(site.environment(), tmp_path / "log", under=under) as pod:
        pod.wait_until_ready()
        with contextlib.ExitStack() as idle:
            address = ("127.0.0.1", pod.port)
            clients = [
                idle.enter_context(socket.create_connection(address, timeout=30))
                for _ in range(400)
            ]
            # The kernel connects; the pod takes them in one after the other.
            wait_until(lambda: sum(map(is_sent_away, clients)) == 250, "150 of 400 stay")
            assert pod.admin("/livez").status_code == 200
            wait_until(lambda: counts_connections(pod, 150), "150 are counted")
        wait_until(lambda: is_served(pod), "nobody is served after they have gone")


def is_sent_away(client: socket.socket) -> bool:
    """No answer is due, so all that can come is the end."""
    client.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        return client.recv(1) == b""
    return False


def counts_connections(pod: ServeProcess, count: int) -> bool:
    return f"hcms_active_connections {count}.0" in pod.admin("/metrics").text


def is_served(pod: ServeProcess) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{pod.url}/health", timeout=30).status_code == 200
    return False


@dataclass
class Traffic:
    """Clients with kept-alive connections; new connections go to ready pods, as with a Service.

    A connection is used until the server closes it, whatever the pod's readiness says by then.
    """

    pods: list[ServeProcess]
    answered: dict[int, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    stopped: bool = False

    def ready_urls(self) -> list[str]:
        return [pod.url for pod in self.pods if pod.is_ready()]

    async def run(self, number: int, method: str, path: str, **request: object) -> None:
        while not self.stopped:
            urls = await asyncio.to_thread(self.ready_urls)
            async with httpx.AsyncClient(base_url=urls[number % len(urls)]) as client:
                await self._use(client, method, path, request)

    async def _use(
        self, client: httpx.AsyncClient, method: str, path: str, request: dict[str, object]
    ) -> None:
        while not self.stopped:
            try:
                answer = await client.request(method, path, **request)  # type: ignore[arg-type]
            except httpx.TransportError as error:
                self.failures.append(repr(error))
                return
            if answer.status_code not in {200, 201}:
                self.failures.append(answer.text)
            port = client.base_url.port or 0
            self.answered[port] = self.answered.get(port, 0) + 1
            if answer.headers.get("connection") == "close":
                return


async def test_a_pod_that_is_told_to_stop_loses_no_request(
    site: Site, article: str, tmp_path: Path
) -> None:
    # Longer than a client needs from the answer of a pod that it is ready to its own request.
    environment = site.environment(DRAIN_SECONDS="5")
    with (
        ServeProcess(environment, tmp_path / "leaving.log") as leaving,
        ServeProcess(environment, tmp_path / "staying.log") as staying,
    ):
        traffic = Traffic([leaving.wait_until_ready(), staying.wait_until_ready()])
        async with httpx.AsyncClient(base_url=staying.url) as client:
            login = {"email": owner_email("acme"), "password": PASSWORD}
            tokens = (await client.post("/v1/tenants/acme/auth/login", json=login)).json()
        write = {
            "json": {"fields": {"title": "Written under way"}},
            "headers": {"Authorization": f"Bearer {tokens['accessToken']}"},
        }
        entries = "/v1/tenants/acme/content-types/article/entries"
        clients = [traffic.run(number, "GET", article) for number in range(_READERS)]
        clients += [traffic.run(number, "POST", entries, **write) for number in range(_WRITERS)]
        running = asyncio.gather(*clients)
        async with asyncio.timeout(60):
            while min(traffic.answered.get(pod.port, 0) for pod in traffic.pods) < 20:
                await asyncio.sleep(0.05)
        leaving.terminate()
        assert await asyncio.to_thread(leaving.wait) == 0
        after_leaving = traffic.answered[staying.port]
        await asyncio.sleep(0.5)
        traffic.stopped = True
        await running
    assert traffic.failures == []
    assert traffic.answered[staying.port] > after_leaving
    messages = [line["message"] for line in leaving.log_lines() if line["message"] != "request"]
    assert messages == ["ready", "draining", "stopped"]


async def test_while_it_drains_a_pod_answers_but_wants_no_more(
    site: Site, article: str, tmp_path: Path
) -> None:
    with ServeProcess(site.environment(DRAIN_SECONDS="30"), tmp_path / "log") as pod:
        pod.wait_until_ready()
        with httpx.Client(base_url=pod.url) as client:
            assert "connection" not in client.get(article).headers
            pod.terminate()
            wait_until(lambda: not pod.is_ready(), "still ready")
            assert pod.admin("/readyz").json() == {"ready": False, "reason": "draining"}
            assert pod.admin("/livez").status_code == 200
            answer = client.get(article)
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")
        pod.terminate()  # for the second time: now
        assert pod.wait() == 0


async def test_a_pod_starts_without_its_database_and_serves_when_it_comes(
    site: Site, article: str, tmp_path: Path
) -> None:
    later = f"{site.database}_later"
    environment = Site(site.postgres, site.redis, later).environment()
    with ServeProcess(environment, tmp_path / "log") as pod:
        wait_until(lambda: _answers(pod), "no answer")
        assert pod.admin("/readyz").status_code == 503
        assert httpx.get(f"{pod.url}/health").json()["status"] == "degraded"
        assert httpx.get(pod.url + article).status_code == 503
        await execute(
            site.postgres, "postgres", f"CREATE DATABASE {later} TEMPLATE {site.database}"
        )
        pod.wait_until_ready()
        wait_until(lambda: httpx.get(pod.url + article).status_code == 200, "not served")
    await execute(site.postgres, "postgres", f"DROP DATABASE {later} WITH (FORCE)")


def _answers(pod: ServeProcess) -> bool:
    try:
        return pod.admin("/livez").status_code == 200
    except httpx.TransportError:
        return False


async def test_the_admin_port_tells_the_operator_what_runs(
    site: Site, article: str, tmp_path: Path
) -> None:
    with ServeProcess(site.environment(HCMS_REVISION="abc123"), tmp_path / "log") as pod:
        pod.wait_until_ready()
        answer = httpx.get(pod.url + article, headers={"X-Request-Id": "from-the-proxy.1"})
        assert answer.headers["x-hcms-revision"] == "abc123"
        assert answer.headers["x-request-id"] == "from-the-proxy.1"
        assert pod.admin("/statusz").json() == {
            "jwtKeysGeneration": 0,
            "schemaVersion": latest_version(),
            "revision": "abc123",
        }
        metrics = pod.admin("/metrics").text
        route = 'route="/v1/delivery/{tenant}/{type_name}/{slug_or_id}"'
        assert f'hcms_http_requests_total{{method="GET",{route},status="200"}} 1.0' in metrics
        assert "hcms_active_connections " in metrics
        assert pod.admin("/nothing").status_code == 404
        # Nothing of it is public.
        assert httpx.get(f"{pod.url}/metrics").status_code == 404


async def test_every_line_of_the_log_is_json_and_names_its_request(
    site: Site, tmp_path: Path
) -> None:
    environment = site.environment(HCMS_NAME="shop", HCMS_NAMESPACE="team-a", LOG_LEVEL="debug")
    with ServeProcess(environment, tmp_path / "log") as pod:
        pod.wait_until_ready()
        with socket.create_connection(("127.0.0.1", pod.port)) as stranger:
            stranger.sendall(b"\x16\x03\x01\x02\x00\x01")
            refused = b"".join(iter(lambda: stranger.recv(4096), b""))
        httpx.get(f"{pod.url}/v1/tenants/acme/users", headers={"X-Request-Id": "r-1"})
        httpx.get(f"{pod.url}/nothing", headers={"X-Request-Id": "no spaces in here"})
        wait_until(lambda: pod.log.read_text().count(":404") == 1, "not logged")
        (unread,) = [line for line in pod.log_lines() if line["message"] == "request refused"]
        lines = [line for line in pod.log_lines() if line["message"] == "request"]
    assert json.loads(refused.partition(b"\r\n\r\n")[2])["requestId"] == unread["requestId"]
    assert {line["name"] for line in lines} == {"shop"}
    assert lines[0]["requestId"] == "r-1"
    assert (lines[0]["status"], lines[0]["route"]) == (401, "/v1/tenants/{tenant}/users")
    assert len(lines[1]["requestId"]) == 32


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 50_000 + b"\r\n\r\n", b"200"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 10_000_000, b"400"),
        (b"GET /health HTTP/1.1\r\n" + b"X-Many: a\r\n" * 1_000_000, b"400"),
        (b"GET /" + b"a" * 10_000_000, b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01", b"400"),
    ],
)
async def test_whatever_is_sent_the_head_of_a_request_is_bounded(
    site: Site, tmp_path: Path, head: bytes, status: bytes
) -> None:
    with (
        ServeProcess(site.environment(), tmp_path / "log") as pod,
        socket.create_connection(("127.0.0.1", pod.wait_until_ready().port), timeout=10) as client,
    ):
        # The answer may come, and the connection be closed, before all of it is sent.
        with contextlib.suppress(ConnectionError):
            client.sendall(head)
        with contextlib.suppress(ConnectionError):
            assert client.recv(12) == b"HTTP/1.1 " + status
        assert httpx.get(f"{pod.url}/health").status_code == 200


async def test_health_is_ok_and_tells_when_it_was_checked(site: Site, tmp_path: Path) -> None:
    before = datetime.now(UTC)
    with ServeProcess(site.environment(), tmp_path / "log") as pod:
        found = httpx.get(f"{pod.wait_until_ready().url}/health").json()
    checks = {"database": {"status": "ok"}, "redis": {"status": "ok"}}
    assert (found["status"], found["checks"]) == ("ok", checks)
    assert before <= datetime.fromisoformat(found["timestamp"]) <= datetime.now(UTC)


def test_wrong_settings_end_the_process_with_one_line_and_no_secret() -> None:
    environment = {"DATABASE_URL": "postgresql://u:hunter2@h/d", "JWT_SECRET": "hunter2"}
    done = run_cms("serve", environment=environment)
    assert done.returncode == 2
    assert done.stderr.startswith("Wrong settings: ")
    assert "REDIS_URL" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
