# ruff: noqa: S603 - the arguments are our own
"""Schemathesis makes requests of the API's own description, good and bad ones, alone and in chains,
and compares each answer with what is described.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service.processes import REPOSITORY, ServeProcess
from tests.service.world import PASSWORD, Site, expect, owner_email
from tests.support import field_kinds

_SETTINGS = REPOSITORY / "tests/service/schemathesis.toml"
_DESCRIBED: dict[str, Any] = {
    "name": "described",
    "displayName": "Described",
    "fields": [
        {"name": "title", "kind": "text", "required": True, "minLength": 2, "maxLength": 20},
        {"name": "code", "kind": "text", "pattern": "^[A-Z]{2}[0-9]{1,3}$"},
        {"name": "subtitle", "kind": "text", "localised": True},
        {"name": "price", "kind": "number", "minimum": 1, "maximum": 100},
        {"name": "count", "kind": "number", "integer": True},
        {"name": "flag", "kind": "boolean"},
        {"name": "day", "kind": "date"},
        {"name": "moment", "kind": "datetime"},
        {"name": "colour", "kind": "enumeration", "values": ["red", "green"]},
        {"name": "slug", "kind": "slug"},
        {"name": "contact", "kind": "email", "unique": True},
        {
            "name": "seo",
            "kind": "component",
            "fields": [{"name": "word", "kind": "text", "required": True, "localised": True}],
        },
        {
            "name": "parts",
            "kind": "components",
            "minItems": 1,
            "maxItems": 3,
            "fields": [
                {"name": "size", "kind": "number", "maximum": -1},
                {"name": "open", "kind": "boolean"},
            ],
        },
    ],
}
# JSON Schema cannot say all of what these take: schemathesis.toml knows the type's name.
_BEYOND_A_SCHEMA: dict[str, Any] = {
    "name": "beyond",
    "displayName": "Beyond a schema",
    "fields": [
        {"name": "title", "kind": "text"},
        {"name": "weight", "kind": "number"},
        {"name": "source", "kind": "url", "localised": True},
        {"name": "body", "kind": "richtext", "localised": True},
        {"name": "extra", "kind": "json"},
        {"name": "parent", "kind": "reference", "types": ["described"]},
        {"name": "related", "kind": "references", "types": ["beyond"], "maxItems": 2},
    ],
}


@pytest.fixture
def server(site: Site, tmp_path: Path) -> Iterator[ServeProcess]:
    with ServeProcess(site.environment(), tmp_path / "log") as process:
        yield process.wait_until_ready()


@pytest.fixture
def owner(server: ServeProcess) -> Iterator[httpx.Client]:
    login = {"email": owner_email("acme"), "password": PASSWORD}
    answer = httpx.post(f"{server.url}/v1/tenants/acme/auth/login", json=login)
    token = expect(answer, 200)["accessToken"]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{server.url}/v1/tenants/acme", headers=headers) as client:
        yield client


def try_all(
    server: ServeProcess, document: str, *arguments: str, caller: httpx.Client | None = None
) -> None:
    headers = ["-H", f"Authorization: {caller.headers['Authorization']}"] if caller else []
    run = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(_SETTINGS), "run", server.url + document, *headers),
            *("--no-color", "--continue-on-failure", *arguments),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


THE_SAME_EVERYWHERE = ("--generation-deterministic",)


def test_an_owner_is_answered_as_it_is_described(server: ServeProcess, owner: httpx.Client) -> None:
    try_all(server, "/openapi.json", "-n", "10", *THE_SAME_EVERYWHERE, caller=owner)
    assert not [line for line in server.log_lines() if line["level"] == "error"]


def test_somebody_without_credentials_is_answered_as_it_is_described(server: ServeProcess) -> None:
    phases = ("--phases", "coverage")
    try_all(server, "/openapi.json", *phases, *THE_SAME_EVERYWHERE)


def publish_new(owner: httpx.Client, definition: dict[str, Any], fields: dict[str, Any]) -> Any:
    """The entry's identifier."""
    expect(owner.post("/content-types", json=definition), 201)
    entries = f"/content-types/{definition['name']}/entries"
    entry = expect(owner.post(entries, json={"fields": fields}), 201)
    return expect(owner.post(f"{entries}/{entry['id']}/publish"), 200)["id"]


def test_entries_with_fields_of_all_kinds_are_tried() -> None:
    tried = {field["kind"] for field in (*_DESCRIBED["fields"], *_BEYOND_A_SCHEMA["fields"])}
    assert sorted(tried) == sorted(field_kinds.KINDS)


def test_entries_of_a_type_are_answered_as_the_tenants_document_describes_them(
    server: ServeProcess, owner: httpx.Client
) -> None:
    locales = {"default": "en", "locales": [{"code": "en"}, {"code": "de"}]}
    expect(owner.put("/locales", json=locales), 200)
    shown = {"title": "Shown", "seo": {"word": {"en": "a"}}, "parts": [{"open": True}]}
    parent = publish_new(owner, _DESCRIBED, shown)
    publish_new(owner, _BEYOND_A_SCHEMA, {"title": "Shown", "parent": parent})
    try_all(
        server,
        "/v1/tenants/acme/openapi.json",
        *("-n", "10", *THE_SAME_EVERYWHERE),
        caller=owner,
    )


@pytest.mark.long
def test_answers_to_many_random_requests_are_as_described(
    server: ServeProcess, owner: httpx.Client
) -> None:
    try_all(server, "/openapi.json", "-n", "500", "--generation-database", "none", caller=owner)
