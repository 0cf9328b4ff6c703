"""The content that is read and written under load, made by the management API."""

import json
import time
from dataclasses import dataclass

import httpx

from benchmarks.load.plan import Route

TYPE = "load-article"
_ENTRIES = 20
_BODY = "Two kilobytes of text. " * 90
_DEFINITION = {
    "name": TYPE,
    "displayName": "Load article",
    "fields": [
        {"name": "title", "kind": "text", "required": True},
        {"name": "slug", "kind": "slug", "required": True},
        {"name": "body", "kind": "text"},
    ],
}


@dataclass(frozen=True)
class Site:
    url: str
    tenant: str
    email: str
    password: str

    def prepare(self) -> tuple[Route, ...]:
        """Raises httpx.HTTPStatusError."""
        root = f"/v1/tenants/{self.tenant}"
        with httpx.Client(base_url=self.url, timeout=15) as client:
            login = {"email": self.email, "password": self.password}
            answer = client.post(f"{root}/auth/login", json=login).raise_for_status()
            token = f"Bearer {answer.json()['accessToken']}"
            client.headers["Authorization"] = token
            made = client.post(f"{root}/content-types", json=_DEFINITION)
            if made.status_code != httpx.codes.CONFLICT:
                made.raise_for_status()
            entries = f"{root}/content-types/{TYPE}/entries"
            # Slugs of a run of its own, so that a second run finds no conflict.
            slugs = [f"load-{time.time_ns()}-{number}" for number in range(_ENTRIES)]
            for slug in slugs:
                _publish(client, entries, slug)
        return _routes(f"/v1/delivery/{self.tenant}/{TYPE}", entries, slugs[0], token)


def _publish(client: httpx.Client, entries: str, slug: str) -> None:
    fields = {"title": f"Article {slug}", "slug": slug, "body": _BODY}
    entry = client.post(entries, json={"fields": fields}).raise_for_status().json()
    client.post(f"{entries}/{entry['id']}/publish").raise_for_status()


def _routes(delivery: str, entries: str, slug: str, token: str) -> tuple[Route, ...]:
    headers = (("Authorization", token),)
    draft = json.dumps({"fields": {"title": "A draft", "body": _BODY}}).encode()
    return (
        Route("read one", "GET", f"{delivery}/{slug}", 0.7, headers=headers),
        Route("read a list", "GET", f"{delivery}?limit=20", 0.2, headers=headers),
        Route("write a draft", "POST", entries, 0.1, 201, draft, headers),
    )
