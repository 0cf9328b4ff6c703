"""A webhook is a Service of the own namespace, whatever its owner makes of that Service."""

import socket
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web

from cms_operator.api.fields.measures import Measure
from cms_operator.cluster.outbound.measures import MeasureReader
from cms_operator.cluster.outbound.service_resolver import NoAddressError, ServiceResolver
from cms_operator.rollout.analysis.readings import MeasureContext, Reading
from cms_operator.settings import PrometheusSettings
from tests.unit.analysis.servers import Serve

CONTEXT = MeasureContext("team-a", "shop", "5d9fa1b2c3", "77b0c1d2e3", 1, 3)
HOST = "judge.team-a.svc"


class Cluster:
    """Stands for the API server: Services by namespace and name."""

    def __init__(self, **services: Mapping[str, Any]) -> None:
        self._services = services
        self.asked: list[tuple[str, str]] = []

    async def look(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        self.asked.append((namespace, name))
        spec = self._services.get(name) if namespace == "team-a" else None
        return None if spec is None else {"spec": spec}


def webhook(port: int | None) -> Measure:
    return Measure.model_validate({"name": "m", "webhook": {"service": "judge", "port": port}})


async def read(cluster: Cluster, port: int | None = 80) -> Reading:
    reader = MeasureReader(PrometheusSettings(), ServiceResolver(cluster.look))
    try:
        return await reader.read(webhook(port), CONTEXT)
    finally:
        await reader.close()


async def test_the_address_is_the_cluster_ip_that_the_api_server_tells(serve: Serve) -> None:
    async def answer(request: web.Request) -> web.Response:
        hosts.append(request.host)
        return web.json_response({"verdict": "pass"})

    hosts: list[str] = []
    port = (await serve(answer)).port
    cluster = Cluster(judge={"type": "ClusterIP", "clusterIP": "127.0.0.1"})
    assert await read(cluster, port) == Reading("m", passed=True, detail="pass")
    assert cluster.asked == [("team-a", "judge")]
    assert hosts == [f"{HOST}:{port}"]


@pytest.mark.parametrize(
    "alias",
    ["judge.team-b.svc.cluster.local", "kubernetes.default.svc", "localhost", "169.254.169.254"],
)
@pytest.mark.parametrize("former", [{}, {"clusterIP": "127.0.0.1", "clusterIPs": ["127.0.0.1"]}])
async def test_an_alias_is_not_followed(alias: str, former: dict[str, Any], serve: Serve) -> None:
    async def answer(_: web.Request) -> web.Response:
        raise AssertionError("asked after all")

    port = (await serve(answer)).port
    service = {"type": "ExternalName", "externalName": alias, **former}
    found = await read(Cluster(judge=service), port)
    assert found.passed is None
    assert found.error == (
        f"the webhook judge:{port} has no cluster IP: a headless Service or an alias is not asked"
    )


async def test_a_headless_service_and_a_missing_one_are_told() -> None:
    headless = await read(Cluster(judge={"type": "ClusterIP", "clusterIP": "None"}))
    assert "has no cluster IP" in headless.error
    assert (await read(Cluster())).error == ("the webhook judge:80 is no Service of this namespace")


async def test_an_api_server_that_is_away_is_an_error_and_no_verdict() -> None:
    class Away(Cluster):
        async def look(self, namespace: str, name: str) -> Mapping[str, Any] | None:
            await super().look(namespace, name)
            raise NoAddressError("cannot be looked up at the API server")

    found = await read(Away())
    assert (found.passed, found.error) == (
        None, "the webhook judge:80 cannot be looked up at the API server",
    )  # fmt: skip


async def test_both_families_of_a_service_are_known() -> None:
    ips = ["10.96.0.7", "fd00:10:96::7"]
    dual = Cluster(judge={"type": "ClusterIP", "clusterIP": ips[0], "clusterIPs": ips})
    resolver = ServiceResolver(dual.look)
    assert [found["host"] for found in await resolver.resolve(HOST)] == ips
    (six,) = await resolver.resolve(HOST, family=socket.AF_INET6)
    assert six["host"] == ips[1]
