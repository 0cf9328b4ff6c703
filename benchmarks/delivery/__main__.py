# ruff: noqa: S603 - the arguments are our own
"""How much of the speed of the least program that answers the same delivery keeps.

    python -m benchmarks.delivery [--seconds 5] [--rounds 3]

Cached answers are compared with an ASGI application that sends the same bytes, uncached ones with
two handlers: one asks PostgreSQL the same query, as the service's role with row-level security on,
the other, without either, by SQL as one would write it for one site. One server process each, on
the same database of 10,000 articles of 2 kB with 100 authors and 50 tags. They take turns, so that
whatever else the machine does falls on all; a ratio is that of the medians. Needs `wrk` (a Debian
package).
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks import articles, stores, wrk
from benchmarks.ours import DELIVERY, ID_STARTS, PASSWORD, ROLE, Ours
from benchmarks.showing import show
from benchmarks.usage import peak_mebibytes
from benchmarks.wrk import Request
from tests.service.processes import REPOSITORY, ServeProcess
from tests.service.servers import wait_until
from tests.support.ports import free_port

# The peer's queries need it as ours need the tables of published values.
_PEERS_INDEX = """CREATE INDEX ON cms.published_entries
    (tenant_id, content_type_id, (fields->>'author'), published_at DESC, entry_id DESC)"""


@dataclass(frozen=True)
class Scenario:
    """`{N}` in a path counts up to N, so that no cache can answer. `target`: the least ratio that
    the design asks for.
    """

    name: str
    ours: str
    peers: str
    target: float
    cached: bool = False
    if_none_match: bool = False


_ARTICLES = f"{DELIVERY}/article"
_AUTHOR = f"{ID_STARTS['author']}{7:012}"
_BY_AUTHOR = f"filter[fields.author][eq]={_AUTHOR}&filter[fields.price][gte]=-{{100000}}"
SCENARIOS = (
    Scenario("cached entry", f"{_ARTICLES}/article-7", "/cached", 0.45, cached=True),
    Scenario(
        "unchanged entry (304)",
        f"{_ARTICLES}/article-7",
        "/cached",
        0.45,
        cached=True,
        if_none_match=True,
    ),
    Scenario(
        "entry with author",
        f"{_ARTICLES}/article-{{{articles.ARTICLES}}}?expand=author",
        f"/entry/article-{{{articles.ARTICLES}}}",
        0.6,
    ),
    Scenario(
        "list of 20 by author",
        f"{_ARTICLES}?{_BY_AUTHOR}",
        f"/list?author={_AUTHOR}&price=-{{100000}}",
        0.6,
    ),
    Scenario(
        "list with author and tags",
        f"{_ARTICLES}?{_BY_AUTHOR}&expand=author,tags",
        f"/full?author={_AUTHOR}&price=-{{100000}}",
        0.6,
    ),
)


def main() -> None:
    options = wrk.options()
    with ExitStack() as stack:
        folder, postgres, redis = stack.enter_context(stores.opened("delivery"))
        site = Ours(postgres, redis, folder)
        site.prepare()
        _tell_peer(site, folder)
        ours = stack.enter_context(ServeProcess(site.environment(limited=True), folder / "log"))
        ours.wait_until_ready()
        token = site.log_in(ours.url)
        etag = _keep_body(ours.url, token, folder)
        one_site = stack.enter_context(_peer("one_site", site.database_url, folder))
        url = postgres.url(site.database, f"{ROLE}:{PASSWORD}")
        same_query = stack.enter_context(_peer("same_query", url, folder))
        headers = {"Authorization": f"Bearer {token}"}
        titles = ("ours/s", "peer/s", "ratio", "target", "one site/s", "ratio")
        show(f"{'':28}{''.join(f'{title:>12}' for title in titles)}")
        for scenario in SCENARIOS:
            own = headers | ({"If-None-Match": etag} if scenario.if_none_match else {})
            # What is cached has no query.
            peers = [one_site] if scenario.cached else [same_query, one_site]
            asked = [
                (ours.url, Request(scenario.ours, own)),
                *((peer, Request(scenario.peers)) for peer in peers),
            ]
            rates: list[list[float]] = [[] for _ in asked]
            for _ in range(options.rounds):
                for (url, request), found in zip(asked, rates, strict=True):
                    with nullcontext() if scenario.cached else site.outdating():
                        found.append(wrk.load(url, request, options.seconds, folder).rate)
            our, their, *others = (statistics.median(each) for each in rates)
            show(
                f"{scenario.name:28}{our:12.0f}{their:12.0f}{our / their:12.2f}"
                f"{scenario.target:12.2f}"
                + "".join(f"{other:12.0f}{our / other:12.2f}" for other in others)
            )
        show(f"memory at most: {peak_mebibytes(ours.pid):.0f} MiB")


def _tell_peer(site: Ours, folder: Path) -> None:
    ids = site.fill()
    (folder / "ids.json").write_text(json.dumps({name: str(found) for name, found in ids.items()}))
    site.execute(_PEERS_INDEX)


def _keep_body(url: str, token: str, folder: Path) -> str:
    """Write the cached answer down for the peer. Return its ETag."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{url}{_ARTICLES}/article-7", headers=headers).raise_for_status()
    (folder / "body").write_bytes(answer.content)
    return answer.headers["etag"]


@contextmanager
def _peer(module: str, database_url: str, folder: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", f"benchmarks.delivery.{module}", str(port)]
    command += [database_url, str(folder)]
    with subprocess.Popen(command, cwd=REPOSITORY) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(_answers(f"{url}/entry/article-7"), f"{module} does not answer")
            yield url
        finally:
            process.terminate()


def _answers(url: str) -> Callable[[], bool]:
    def answers() -> bool:
        try:
            return httpx.get(url).is_success
        except httpx.TransportError:
            return False

    return answers


if __name__ == "__main__":
    main()
