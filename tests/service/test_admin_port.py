"""The admin port tells how the service is, and nothing that is anybody's secret or content."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.processes import ServeProcess
from tests.service.world import JWT_KEY, PASSWORD, SERVICE_PASSWORD, Site, expect, owner_email

PAGES = ("/livez", "/readyz", "/statusz", "/metrics")
NO_PAGES = (
    "/", "/health", "/v1/tenants/acme", "/metrics/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2fetc/passwd", "//etc/passwd", "/metrics/", "/metrics%00", "/debug",
)  # fmt: skip
TITLE, SLUG = "An unannounced merger", "unannounced-merger"


@pytest.fixture
def process(site: Site, tmp_path: Path) -> Iterator[ServeProcess]:
    with ServeProcess(site.environment(), tmp_path / "log") as running:
        yield running.wait_until_ready()


def answer(process: ServeProcess, path: str) -> tuple[int, str]:
    """The path as it is: a client would tidy it up."""
    with socket.create_connection(("127.0.0.1", process.admin_port), timeout=5) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    return int(text.split()[1]), text


async def test_no_page_holds_secrets_or_content(site: Site, process: ServeProcess) -> None:
    async with site.pod() as pod:
        acme = await pod.log_in("acme")
        await acme.make_type()
        entry = await acme.publish_new(title=TITLE, slug=SLUG)
    hidden = [
        PASSWORD, SERVICE_PASSWORD, JWT_KEY, TITLE, SLUG, owner_email("acme"), entry["id"],
        acme.tokens["accessToken"], acme.tokens["refreshToken"], site.postgres.url(site.database),
    ]  # fmt: skip
    for path in PAGES:
        status, text = answer(process, path)
        assert status == 200
        assert [word for word in hidden if word in text] == []


def test_the_admin_port_serves_nothing_but_its_pages(process: ServeProcess) -> None:
    for path in NO_PAGES:
        status, text = answer(process, path)
        assert status in {400, 404}, path
        assert "root:" not in text
        assert "hcms_" not in text


async def test_metrics_can_ask_for_a_token(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    async with site.pod(METRICS_TOKEN_FILE=str(file)) as pod, pod.admin() as admin:

        async def scrape(header: str) -> int:
            headers = {"Authorization": header} if header else {}
            return (await admin.get("/metrics", headers=headers)).status_code

        refused = ["", "first", "Bearer", "Bearer firs", "Bearer first2", "Basic first"]
        assert [await scrape(header) for header in refused] == [401] * len(refused)
        assert await scrape("Bearer first") == 200
        file.write_text("second")
        assert [await scrape(f"Bearer {token}") for token in ("first", "second")] == [401, 200]
        for unusable in ("", " \n"):
            file.write_text(unusable)
            assert [await scrape(header) for header in ("", "Bearer ", "Bearer")] == [401] * 3
        file.unlink()
        assert await scrape("Bearer second") == 401
        for probe in ("/livez", "/statusz"):
            expect(await admin.get(probe), 200)
