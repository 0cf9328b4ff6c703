"""Tenants reached by host names of their own."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from tests.service.test_people import two_pods, until
from tests.service.world import PASSWORD, Desk, Pod, Site, expect, expect_problem, owner_email
from tests.support.ports import free_port

__all__ = ["two_pods"]


async def make_host(desk: Desk, host: str) -> Any:
    return expect(await desk.client.post(f"{desk.root}/hosts", json={"host": host}), 201)


def at(pod: Pod, host: str, token: str = "") -> httpx.AsyncClient:
    client = pod.client(token)
    client.base_url = f"http://{host}"
    return client


async def test_on_its_own_host_a_tenant_is_not_named_in_the_path(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="hello")
    made = await make_host(acme, "WWW.Acme.example")
    assert made["host"] == "www.acme.example"
    assert expect(await acme.client.get(f"{acme.root}/hosts"), 200)["items"] == [made]
    async with at(pod, "www.acme.example:8080") as client:
        login = {"email": owner_email("acme"), "password": PASSWORD}
        tokens = expect(await client.post("/v1/tenant/auth/login", json=login), 200)
    async with at(pod, "www.acme.example", tokens["accessToken"]) as client:
        assert expect(await client.get("/v1/tenant"), 200)["name"] == "acme"
        entries = expect(await client.get("/v1/tenant/content-types/article/entries"), 200)
        assert len(entries["items"]) == 1
        short = await client.get("/v1/content/article/hello")
        whole = await client.get("/v1/delivery/acme/article/hello")
        assert expect(short, 200) == expect(whole, 200)
        assert short.headers["etag"] == whole.headers["etag"]


async def test_a_host_and_a_path_of_different_tenants_are_refused(
    pod: Pod, acme: Desk, globex: Desk
) -> None:
    await make_host(acme, "www.acme.example")
    async with at(pod, "www.acme.example", globex.tokens["accessToken"]) as client:
        details = {
            expect_problem(await client.get(path), 421)["detail"]
            for tenant in ("globex", "no-such-tenant")
            for path in (f"/v1/tenants/{tenant}", f"/v1/delivery/{tenant}/article/hello")
        }
        assert len(details) == 1
        expect_problem(await client.get("/v1/tenant"), 403)


async def test_an_unknown_host_changes_nothing(pod: Pod, acme: Desk) -> None:
    async with at(pod, "unknown.example", acme.tokens["accessToken"]) as client:
        expect(await client.get(acme.root), 200)
        expect_problem(await client.get("/v1/tenant"), 404)
        expect_problem(await client.get("/v1/content/article/hello"), 404)


async def test_with_the_database_away_nobody_is_told_that_a_tenants_content_is_missing(
    site: Site,
) -> None:
    nowhere = f"postgresql://cms:cms@127.0.0.1:{free_port()}/cms"
    async with site.pod(DATABASE_URL=nowhere) as pod, at(pod, "www.acme.example") as client:
        for path in ("/v1/content/article/hello", "/v1/tenant/users", "/v1/delivery/acme/article"):
            answer = await client.get(path)
            expect_problem(answer, 503)
            assert answer.headers["retry-after"] == "1"


async def test_many_hosts_at_once_lead_to_their_own_tenants_by_few_questions(
    pod: Pod, acme: Desk, globex: Desk
) -> None:
    names = {}
    for desk in (acme, globex):
        host = (await make_host(desk, f"www.{desk.tenant}.example"))["host"]
        names[host] = (desk.tenant, desk.tokens["accessToken"])
    names |= {f"n{number}.example": ("", "") for number in range(100)}
    before = questions(pod)
    asked = (at(pod, host, token).get("/v1/tenant") for host, (_, token) in names.items())
    answers = await asyncio.gather(*asked)
    for (tenant, _), answer in zip(names.values(), answers, strict=True):
        if tenant:
            assert expect(answer, 200)["name"] == tenant
        else:
            expect_problem(answer, 404)
    assert 1 <= questions(pod) - before <= 2


def questions(pod: Pod) -> int:
    metrics = pod.cms.metrics.render().decode()
    count = re.search(r'duration_seconds_count\{operation="hosts.tenants"\} (\d+)', metrics)
    return int(count[1]) if count else 0


async def test_a_host_belongs_to_one_tenant_of_the_deployment(acme: Desk, globex: Desk) -> None:
    made = await make_host(acme, "xn--bcher-kva.example")
    for desk in (acme, globex):
        answer = await desk.client.post(f"{desk.root}/hosts", json={"host": "Bücher.example"})
        expect_problem(answer, 409)
    expect_problem(await globex.client.delete(f"{globex.root}/hosts/{made['id']}"), 404)
    expect(await acme.client.delete(f"{acme.root}/hosts/{made['id']}"), 204)
    await make_host(globex, "bücher.example")


@pytest.mark.parametrize(
    "host", ["cms.example.com", "shop.team-a", "shop.team-a.svc.cluster.local"]
)
async def test_nobody_takes_the_host_by_which_all_are_reached(
    site: Site, pod: Pod, acme: Desk, globex: Desk, host: str
) -> None:
    made = await make_host(acme, host)  # before anybody has said what it is
    async with at(pod, host, globex.tokens["accessToken"]) as client:
        expect_problem(await client.get(globex.root), 421)
    named = {"hcms_name": "shop", "hcms_namespace": "team-a"}
    async with site.pod(shared_hosts="CMS.example.com, api.example.com", **named) as knowing:
        async with at(knowing, host, globex.tokens["accessToken"]) as client:
            expect(await client.get(globex.root), 200)
        async with at(knowing, host, acme.tokens["accessToken"]) as client:
            expect(await client.delete(f"{acme.root}/hosts/{made['id']}"), 204)
            refused = await client.post(f"{acme.root}/hosts", json={"host": host})
            assert "All tenants" in expect_problem(refused, 409)["detail"]


async def test_nobody_takes_the_routes_host_from_the_others_and_who_has_it_keeps_it(
    site: Site, acme: Desk, globex: Desk
) -> None:
    host = "cms.example.com"
    async with site.pod(hcms_route_host=host) as pod:
        async with at(pod, host, acme.tokens["accessToken"]) as client:
            refused = await client.post(f"{acme.root}/hosts", json={"host": "CMS.example.com"})
            assert "All tenants" in expect_problem(refused, 409)["detail"]
            expect(await client.post(f"{acme.root}/hosts", json={"host": f"acme.{host}"}), 201)
        async with at(pod, host, globex.tokens["accessToken"]) as client:
            expect(await client.get(globex.root), 200)
    await make_host(acme, host)  # as the only tenant of a deployment does
    async with (
        site.pod(hcms_route_host=host) as pod,
        at(pod, host, acme.tokens["accessToken"]) as client,
    ):
        expect(await client.get("/v1/tenant"), 200)


@pytest.mark.parametrize("host", ["localhost", "10.0.0.1", "a b.example", "*.example", "", "a:80"])
async def test_what_is_no_host_name_is_refused(acme: Desk, host: str) -> None:
    expect_problem(await acme.client.post(f"{acme.root}/hosts", json={"host": host}), 422)


async def test_a_host_comes_and_goes_on_every_pod_within_a_second(
    two_pods: tuple[Pod, Pod],
) -> None:
    here, there = two_pods
    acme = await here.log_in("acme")
    token = acme.tokens["accessToken"]
    async with (
        at(here, "www.acme.example", token) as near,
        at(there, "www.acme.example", token) as far,
    ):
        expect_problem(await far.get("/v1/tenant"), 404)
        made = await make_host(acme, "www.acme.example")
        expect(await near.get("/v1/tenant"), 200)
        await until(lambda: far.get("/v1/tenant"), 200)
        expect(await acme.client.delete(f"{acme.root}/hosts/{made['id']}"), 204)
        expect_problem(await near.get("/v1/tenant"), 404)
        await until(lambda: far.get("/v1/tenant"), 404)
