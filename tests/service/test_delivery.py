"""What readers get, from whichever pod."""

import asyncio
import time

import pytest

from tests.service.world import Desk, Pod, Site, expect, expect_problem

FRESHNESS = "max-age=1, stale-while-revalidate=10, stale-if-error=3600"


async def test_an_unchanged_entry_costs_a_reader_no_body(acme: Desk) -> None:
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="hello")
    first = await acme.client.get(f"{acme.delivery}/hello")
    known = {"If-None-Match": f'"other", W/{first.headers["etag"]}'}
    again = await acme.client.get(f"{acme.delivery}/hello", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-status"] == "headlesscms; hit"


async def test_the_etags_of_an_answer_may_come_in_several_headers(acme: Desk) -> None:
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="hello")
    etag = (await acme.client.get(f"{acme.delivery}/hello")).headers["etag"]
    for tags in (['"other"', etag], [etag, '"other"'], ["*"]):
        known = [("If-None-Match", tag) for tag in tags]
        again = await acme.client.get(f"{acme.delivery}/hello", headers=known)
        assert again.status_code == 304


async def test_id_and_slug_lead_to_the_same_bytes(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.publish_new(title="Hello", slug="hello")
    by_slug = await acme.client.get(f"{acme.delivery}/hello")
    by_id = await acme.client.get(f"{acme.delivery}/{entry['id']}")
    assert by_slug.content == by_id.content


async def test_head_answers_with_the_headers_of_get(acme: Desk) -> None:
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="hello")
    get = await acme.client.get(f"{acme.delivery}/hello")
    head = await acme.client.head(f"{acme.delivery}/hello")
    assert head.headers["etag"] == get.headers["etag"]
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_published_content_is_private_until_the_owner_opens_it(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="hello")
    async with pod.client() as reader:
        expect_problem(await reader.get(f"{acme.delivery}/hello"), 401)
        await acme.open_to_the_public()
        opened = await reader.get(f"{acme.delivery}/hello")
        assert opened.headers["cache-control"] == f"public, {FRESHNESS}"
        expect(await acme.client.patch(acme.root, json={"deliveryAccess": "private"}), 200)
        expect_problem(await reader.get(f"{acme.delivery}/hello"), 401)


async def test_a_viewer_reads_private_content(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="hello")
    viewer = await pod.log_in("acme", await acme.hire("viewer"))
    answer = await viewer.client.get(f"{acme.delivery}/hello")
    assert answer.headers["cache-control"] == f"private, {FRESHNESS}"


async def test_every_pod_is_right_within_a_second_of_a_write(site: Site) -> None:
    async with site.pod() as writer, site.pod() as reader:
        acme = await writer.log_in("acme")
        await acme.make_type()
        entry = await acme.publish_new(title="Old", slug="a")
        await acme.open_to_the_public()
        async with reader.client() as anyone:
            assert expect(await anyone.get(f"{acme.delivery}/a"), 200)["fields"]["title"] == "Old"
            changed = {"fields": {"title": "New", "slug": "a"}}
            expect(await acme.client.put(f"{acme.entries}/{entry['id']}", json=changed), 200)
            await acme.publish(entry["id"])
            written = time.monotonic()
            while True:
                asked = time.monotonic()
                shown = expect(await anyone.get(f"{acme.delivery}/a"), 200)["fields"]["title"]
                if shown == "New":
                    break
                assert asked - written < 1
                await asyncio.sleep(0.02)


async def test_the_writer_sees_the_write_at_once_on_the_same_pod(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.publish_new(title="0", slug="a")
    for number in range(1, 10):
        changed = {"fields": {"title": str(number), "slug": "a"}}
        expect(await acme.client.put(f"{acme.entries}/{entry['id']}", json=changed), 200)
        await acme.publish(entry["id"])
        shown = expect(await acme.client.get(f"{acme.delivery}/a"), 200)
        assert shown["fields"]["title"] == str(number)


async def test_the_writer_sees_the_write_at_once_on_every_pod_by_its_generation(site: Site) -> None:
    async with site.pod() as writer, site.pod() as other:
        acme = await writer.log_in("acme")
        await acme.make_type()
        entry = await acme.publish_new(title="0", slug="a")
        await acme.open_to_the_public()
        async with other.client() as reader:
            for number in range(1, 10):
                changed = {"fields": {"title": str(number), "slug": "a"}}
                expect(await acme.client.put(f"{acme.entries}/{entry['id']}", json=changed), 200)
                done = await acme.client.post(f"{acme.entries}/{entry['id']}/publish")
                seen = {"X-HCMS-Generation": done.headers["x-hcms-generation"]}
                shown = expect(await reader.get(f"{acme.delivery}/a", headers=seen), 200)
                assert shown["fields"]["title"] == str(number)


async def read_on_each(*pods: Pod) -> None:
    """The same published entry, by one after the other."""
    acme = await pods[0].log_in("acme")
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="hello")
    await acme.open_to_the_public()
    for pod in pods:
        async with pod.client() as reader:
            expect(await reader.get(f"{acme.delivery}/hello"), 200)
        await pod.cms.shared_answers.close()


async def test_what_one_pod_has_loaded_another_finds_in_redis(site: Site) -> None:
    async with site.pod() as first, site.pod() as second:
        await read_on_each(first, second)
        assert 'hcms_cache_hits_total{layer="redis"} 1.0' in second.cms.metrics.render().decode()


async def test_a_release_finds_nothing_that_another_has_made(site: Site) -> None:
    """Otherwise a bad one would go on answering after it was taken back."""
    async with site.pod(hcms_revision="a") as stable, site.pod(hcms_revision="b") as candidate:
        await read_on_each(candidate, stable)
        assert 'hcms_cache_misses_total{layer="redis"} 1.0' in stable.cms.metrics.render().decode()


async def test_processes_that_have_names_of_their_own_share_by_the_caches_name(site: Site) -> None:
    name = {"delivery_cache_name": "headlesscms-api:1.2.3"}
    async with (
        site.pod(hcms_revision="api1", **name) as first,
        site.pod(hcms_revision="api2", **name) as second,
    ):
        await read_on_each(first, second)
        assert 'hcms_cache_hits_total{layer="redis"} 1.0' in second.cms.metrics.render().decode()


async def test_many_readers_of_a_new_entry_cost_the_database_one_query(
    pod: Pod, acme: Desk
) -> None:
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="hello")
    answers = await asyncio.gather(*(acme.client.get(f"{acme.delivery}/hello") for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    count = 'hcms_db_query_duration_seconds_count{operation="delivery.entry"} 1.0'
    assert count in pod.cms.metrics.render().decode()


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("?limit=0", {}, 400),
        ("?limit=101", {}, 400),
        ("?limit=0101", {}, 400),
        ("?limit=abc", {}, 400),
        ("?limit=5&limit=6", {}, 400),
        ("?cursor=abc", {}, 400),
        ("?cursor=" + "A" * 5000, {}, 400),
        ("?filter=x", {}, 400),
        ("?%FF=x", {}, 400),
        ("/hello?draft=true", {}, 400),
        ("/hello%00", {}, 404),
        ("/HELLO", {}, 404),
        ("/../../etc/passwd", {}, 403),
        ("/hello", {"X-HCMS-Generation": "-1"}, 400),
        ("/hello", {"X-HCMS-Generation": "9" * 400}, 400),
    ],
)
async def test_delivery_refuses_what_it_does_not_know(
    acme: Desk, path: str, headers: dict[str, str], status: int
) -> None:
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="hello")
    expect_problem(await acme.client.get(acme.delivery + path, headers=headers), status)


async def test_delivery_only_reads(acme: Desk) -> None:
    answer = await acme.client.post(f"{acme.delivery}/hello")
    expect_problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_network_is_told_what_an_answer_shows(acme: Desk) -> None:
    await acme.make_type()
    entry = await acme.publish_new(title="Hello", slug="hello")
    private = await acme.client.get(f"{acme.delivery}/hello")
    assert "surrogate-key" not in private.headers
    assert private.headers["vary"] == "X-HCMS-Generation, Authorization, X-API-Key"
    await acme.open_to_the_public()
    for path in ("/hello", ""):
        answer = await acme.client.get(acme.delivery + path)
        assert answer.headers["surrogate-key"] == f"acme acme/article acme/{entry['id']}"
        assert answer.headers["vary"] == "X-HCMS-Generation"
        known = {"If-None-Match": answer.headers["etag"]}
        unchanged = await acme.client.get(acme.delivery + path, headers=known)
        assert unchanged.status_code == 304
        for name in ("cache-control", "vary", "etag", "surrogate-key"):
            assert unchanged.headers[name] == answer.headers[name]


async def test_no_cache_keeps_an_error(pod: Pod, acme: Desk) -> None:
    await acme.make_type()
    async with pod.client() as anyone:
        refused = await anyone.get(f"{acme.delivery}/hello")
    missing = await acme.client.get(f"{acme.delivery}/hello")
    wrong = await acme.client.get(f"{acme.delivery}?limit=0")
    method = await acme.client.delete(f"{acme.delivery}/hello")
    for answer, status in ((refused, 401), (missing, 404), (wrong, 400), (method, 405)):
        expect_problem(answer, status)
        assert answer.headers["cache-control"] == "no-store"


async def test_other_sites_read_only_where_they_were_allowed_to(site: Site) -> None:
    ours, other = {"Origin": "https://www.acme.example"}, {"Origin": "https://evil.example"}
    allowed = "access-control-allow-origin"
    async with site.pod(DELIVERY_CORS_ORIGINS="https://www.acme.example") as pod:
        acme = await pod.log_in("acme")
        await acme.make_type()
        await acme.publish_new(title="Hello", slug="hello")
        url = f"{acme.delivery}/hello"
        answer = await acme.client.get(url, headers=ours)
        assert answer.headers[allowed] == ours["Origin"]
        assert "Origin" in answer.headers["vary"]
        assert allowed not in (await acme.client.get(url, headers=other)).headers
        missing = await acme.client.get(f"{url}-2", headers=ours)
        assert missing.headers[allowed] == ours["Origin"]
        preflight = await acme.client.options(url, headers=ours)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
    async with site.pod() as pod, pod.client() as anyone:
        answer = await anyone.options(url, headers=ours)
        assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
        assert allowed not in answer.headers
