"""The CMS as an editor uses it."""

from dataclasses import dataclass
from typing import Any

import httpx

ARTICLE = {
    "name": "article",
    "displayName": "Article",
    "fields": [
        {"name": "title", "kind": "text", "required": True, "maxLength": 200},
        {"name": "slug", "kind": "slug", "required": True},
        {"name": "body", "kind": "text", "maxLength": 10000},
    ],
}


@dataclass(frozen=True)
class Credentials:
    tenant: str
    email: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.tenant}, {self.email})"


class Editor:
    """Every method raises httpx.HTTPStatusError for an answer that is not 2xx."""

    def __init__(self, http: httpx.Client, tenant: str) -> None:
        self._http = http
        self._root = f"/v1/tenants/{tenant}"
        self._tenant = tenant

    @classmethod
    def log_in(cls, http: httpx.Client, credentials: Credentials) -> "Editor":
        editor = cls(http, credentials.tenant)
        login = {"email": credentials.email, "password": credentials.password}
        token = editor._send("POST", "/auth/login", login)["accessToken"]
        http.headers["Authorization"] = f"Bearer {token}"
        return editor

    def open_delivery_to_everybody(self) -> None:
        self._send("PATCH", "", {"deliveryAccess": "public"})

    def has_content_type(self, name: str) -> bool:
        found = self._send("GET", "/content-types")["items"]
        return any(item["name"] == name for item in found)

    def create_article_type(self) -> None:
        self._send("POST", "/content-types", ARTICLE)

    def publish_article(self, slug: str, title: str, body: str) -> str:
        """Returns the path at which everybody reads it."""
        entries = "/content-types/article/entries"
        fields = {"title": title, "slug": slug, "body": body}
        entry = self._send("POST", entries, {"fields": fields})
        self._send("POST", f"{entries}/{entry['id']}/publish")
        return f"/v1/delivery/{self._tenant}/article/{slug}"

    def read(self, path: str) -> dict[str, Any]:
        answer = self._http.get(path)
        answer.raise_for_status()
        return dict(answer.json())

    def _send(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self._http.request(method, self._root + path, json=body)
        answer.raise_for_status()
        return dict(answer.json()) if answer.content else {}
