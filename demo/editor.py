"""The CMS as an editor uses it."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from demo.tools import cms

CONTENT_TYPES = Path(__file__).with_name("content-types.yaml")


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
        self._token = ""

    @classmethod
    def log_in(cls, http: httpx.Client, credentials: Credentials) -> "Editor":
        editor = cls(http, credentials.tenant)
        login = {"email": credentials.email, "password": credentials.password}
        editor._token = editor._send("POST", "/auth/login", login)["accessToken"]
        http.headers["Authorization"] = f"Bearer {editor._token}"
        return editor

    def open_delivery_to_everybody(self) -> None:
        self._send("PATCH", "", {"deliveryAccess": "public"})

    def apply_types(self, file: Path = CONTENT_TYPES) -> str:
        """What the command says. Raises CommandError."""
        settings = {
            "CMS_URL": str(self._http.base_url),
            "CMS_TENANT": self._tenant,
            "CMS_TOKEN": self._token,
        }
        return cms("types", "apply", "--yes", str(file), settings=settings)

    def find(self, type_name: str, slug: str) -> str | None:
        """The identifier of an entry, published or not."""
        items = self._send("GET", f"{_entries(type_name)}?slug={slug}")["items"]
        return str(items[0]["id"]) if items else None

    def draft(self, type_name: str, **fields: str) -> str:
        """The identifier of a new entry."""
        return str(self._send("POST", _entries(type_name), {"fields": fields})["id"])

    def publish(self, type_name: str, entry_id: str) -> None:
        self._send("POST", f"{_entries(type_name)}/{entry_id}/publish")

    def publish_article(self, **fields: str) -> str:
        """Returns the path at which everybody reads it."""
        self.publish("article", self.draft("article", **fields))
        return self.path("article", fields["slug"])

    def path(self, type_name: str, slug: str) -> str:
        return f"/v1/delivery/{self._tenant}/{type_name}/{slug}"

    def publish_at(self, type_name: str, entry_id: str, when: datetime) -> None:
        plan = {"publishAt": when.isoformat()}
        self._send("PUT", f"{_entries(type_name)}/{entry_id}/schedule", plan)

    def publications(self, entry_id: str) -> int:
        """How often it was published, by the audit log."""
        query = f"objectId={entry_id}&action=published"
        return len(self._send("GET", f"/audit-log?{query}")["items"])

    def search(self, words: str) -> list[dict[str, Any]]:
        """The entries with these words, the best first."""
        found = self._send("GET", f"/search?q={words}")["items"]
        return [item["entry"] for item in found]

    def read(self, path: str) -> dict[str, Any]:
        answer = self._http.get(path)
        answer.raise_for_status()
        return dict(answer.json())

    def is_published(self, path: str) -> bool:
        answer = self._http.get(path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return False
        answer.raise_for_status()
        return True

    def _send(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = self._http.request(method, self._root + path, json=body)
        answer.raise_for_status()
        return dict(answer.json()) if answer.content else {}


def _entries(type_name: str) -> str:
    return f"/content-types/{type_name}/entries"
