"""What caches, networks and other sites' pages are told."""

import pytest

from cms_service.core.caching.body_cache import Body
from cms_service.core.settings.serve import SurrogateHeader
from cms_service.delivery.headers import AnswerHeaders, CachePolicy, Cors
from cms_service.delivery.tags import MAX_TAGS, tags_of
from cms_service.tenants.schemas import DeliveryAccess

PUBLIC, PRIVATE = DeliveryAccess.PUBLIC, DeliveryAccess.PRIVATE
ID = "0190a000-0000-7000-8000-{:012}"


@pytest.mark.parametrize(
    ("seconds", "value"),
    [
        ((0, 0, 0), b"public, no-cache"),
        ((60, 0, 0), b"public, max-age=60"),
        ((0, 0, 9), b"public, max-age=0, stale-if-error=9"),
        ((1, 2, 3), b"public, max-age=1, stale-while-revalidate=2, stale-if-error=3"),
    ],
)
def test_caches_are_told_what_was_set(seconds: tuple[int, int, int], value: bytes) -> None:
    policy = CachePolicy(*seconds)
    assert policy.value(PUBLIC) == value
    assert policy.value(PRIVATE) == value.replace(b"public", b"private")


def headers(
    access: DeliveryAccess, surrogate: SurrogateHeader, *origins: str, origin: bytes | None = None
) -> dict[bytes, bytes]:
    answer_headers = AnswerHeaders(CachePolicy(0, 0, 0), surrogate, Cors(frozenset(origins)))
    return dict(answer_headers.of(Body.of(b"{}", (b"acme", b"acme/a")), access, origin))


@pytest.mark.parametrize(
    ("surrogate", "name", "value"),
    [
        (SurrogateHeader.SURROGATE_KEY, b"surrogate-key", b"acme acme/a"),
        (SurrogateHeader.CACHE_TAG, b"cache-tag", b"acme,acme/a"),
    ],
)
def test_tags_go_in_the_header_that_the_network_reads(
    surrogate: SurrogateHeader, name: bytes, value: bytes
) -> None:
    assert headers(PUBLIC, surrogate)[name] == value
    assert name not in headers(PRIVATE, surrogate)
    assert name not in headers(PUBLIC, SurrogateHeader.NONE)


def test_pages_of_all_sites_or_of_those_that_were_named_may_read() -> None:
    name = b"access-control-allow-origin"
    none = SurrogateHeader.NONE
    assert name not in headers(PUBLIC, none, origin=b"https://a.example")
    assert headers(PUBLIC, none, "*", origin=b"https://a.example")[name] == b"*"
    one = headers(PUBLIC, none, "https://a.example", origin=b"https://a.example")
    assert one[name] == b"https://a.example"
    assert one[b"vary"] == b"X-HCMS-Generation, Origin"
    other = headers(PUBLIC, none, "https://a.example", origin=b"https://a.example.evil")
    assert name not in other
    (only,) = Cors(frozenset({"https://a.example"})).preflight(b"https://a.example.evil")
    assert only == (b"allow", b"GET, HEAD, OPTIONS")
    assert other[b"vary"] == one[b"vary"]


def test_tags_are_the_tenant_the_type_and_each_entry_once() -> None:
    entries = b",".join(b'{"id" : "%b"}' % ID.format(n % 3).encode() for n in range(9))
    expected = [f"acme/{ID.format(n)}".encode() for n in range(3)]
    assert tags_of(entries, "acme", "a") == (b"acme", b"acme/a", *expected)
    assert tags_of(rb'"\"id\": \"x\""', "acme", "a") == (b"acme", b"acme/a")


def test_an_answer_of_very_many_entries_is_known_by_tenant_and_type() -> None:
    entries = b",".join(b'{"id": "%b"}' % ID.format(n).encode() for n in range(MAX_TAGS + 1))
    assert tags_of(entries, "acme", "a") == (b"acme", b"acme/a")
