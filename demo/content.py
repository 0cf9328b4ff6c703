"""What an editor does in the first act, at whatever address a CMS answers."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

from demo.editor import CONTENT_TYPES, Credentials, Editor
from demo.waiting import wait_until

REQUEST_SECONDS = 15
# Enough for the request, and for clocks that differ a little.
AHEAD = timedelta(seconds=10)
APPEARING_SECONDS = 60
AUTHOR = {"name": "Ada Lovelace", "slug": "ada-lovelace"}


class NotOnceError(Exception):
    """What was planned was not done once."""


def show(address: str, owner: Credentials, say: Callable[[str], None]) -> str:
    """Returns the path of an article that stays published."""
    with httpx.Client(base_url=address, timeout=REQUEST_SECONDS) as http:
        editor = Editor.log_in(http, owner)
        say(f"logged in as {owner.email}, the owner of tenant {owner.tenant}")
        _apply_types(editor, say)
        editor.open_delivery_to_everybody()
        name = secrets.token_hex(3)
        author = editor.find("author", AUTHOR["slug"]) or editor.draft("author", **AUTHOR)
        editor.publish("author", author)
        path = _publish(editor, f"hello-{name}", author, say)
        _search(editor, say)
        _publish_on_time(editor, f"soon-{name}", author, say)
    return path


def _apply_types(editor: Editor, say: Callable[[str], None]) -> None:
    said = editor.apply_types()
    say(f"content types from a file, by `cms types apply {CONTENT_TYPES.name}`:")
    for line in said.splitlines():
        say(f"  {line}")


def _publish(editor: Editor, slug: str, author: str, say: Callable[[str], None]) -> str:
    body = "Served by any pod."
    path = editor.publish_article(title="Hello, world", slug=slug, author=author, body=body)
    fields = editor.read(f"{path}?expand=author")["fields"]
    writer = fields["author"]["fields"]["name"]
    say(f"published and read back {path}: {fields['title']!r} by {writer}, a reference")
    return path


def _search(editor: Editor, say: Callable[[str], None]) -> None:
    words = "lovelace"
    found = [f"{entry['type']} {entry['slug']}" for entry in editor.search(words)]
    say(f"a search for {words!r} finds {', '.join(found)}")


def _publish_on_time(editor: Editor, slug: str, author: str, say: Callable[[str], None]) -> None:
    entry = editor.draft("article", title="Coming soon", slug=slug, author=author)
    path = editor.path("article", slug)
    when = datetime.now(UTC) + AHEAD
    editor.publish_at("article", entry, when)
    say(f"{path} is to be published at {when:%H:%M:%S} UTC; {_state(editor, path)}")
    wait_until(lambda: editor.is_published(path), APPEARING_SECONDS, f"{path} appears by itself")
    if (count := editor.publications(entry)) != 1:
        raise NotOnceError(f"{path} was published {count} times")
    say(f"{datetime.now(UTC):%H:%M:%S} UTC: {_state(editor, path)}, and was published once")


def _state(editor: Editor, path: str) -> str:
    return "everybody reads it" if editor.is_published(path) else "nobody reads it yet"
