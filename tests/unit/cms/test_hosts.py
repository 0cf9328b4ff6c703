"""Host names in one form, and what they make of a path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_service.core.errors import Misdirected
from cms_service.hosts.names import normalised, of_header
from cms_service.hosts.routing import path_of


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("www.acme.example", "www.acme.example"),
        ("WWW.Acme.Example.", "www.acme.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_a_host_has_one_form(text: str, host: str) -> None:
    assert normalised(text) == host
    assert of_header(f"{host.upper()}.:8080".encode()) == host


@pytest.mark.parametrize(
    "text",
    [
        "localhost",
        "10.0.0.1",
        "[::1]",
        "a..example",
        "-a.example",
        "a_b.example",
        "a.example:80",
        "a.example/x",
        "a b.example",
        "*.example",
        "xn--.example",
        f"{'a' * 64}.example",
        ".".join(["a" * 60] * 5),
        "",
        ".",
    ],
)
def test_what_is_no_host_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host name"):
        normalised(text)


@pytest.mark.parametrize(
    "value",
    [b"", b"cms", b"10.0.0.1:80", b"[::1]:80", b"a.example:x", b"a.example:80:80", b"\xff.a"],
)
def test_a_header_that_names_nobody_is_as_if_it_were_not_there(value: bytes) -> None:
    assert of_header(value) is None


@given(st.text(max_size=60))
def test_the_form_of_a_form_is_the_same(text: str) -> None:
    try:
        host = normalised(text)
    except ValueError:
        return
    assert (normalised(host), of_header(host.encode())) == (host, host)


@pytest.mark.parametrize(
    ("path", "whole"),
    [
        ("/v1/tenant", "/v1/tenants/acme"),
        ("/v1/tenant/users", "/v1/tenants/acme/users"),
        ("/v1/content/article/hello", "/v1/delivery/acme/article/hello"),
        ("/v1/tenants/acme/users", "/v1/tenants/acme/users"),
        ("/v1/delivery/acme/article", "/v1/delivery/acme/article"),
        ("/v1/tenantry", "/v1/tenantry"),
        ("/v1/other", "/v1/other"),
    ],
)
def test_the_host_stands_for_the_tenant_in_the_path(path: str, whole: str) -> None:
    assert path_of(path, "acme") == whole


@pytest.mark.parametrize(
    "path",
    ["/v1/tenants/globex/users", "/v1/delivery/globex/article", "/v1/tenants/", "/v1/tenants/ACME"],
)
def test_a_path_of_another_tenant_is_refused(path: str) -> None:
    with pytest.raises(Misdirected):
        path_of(path, "acme")
