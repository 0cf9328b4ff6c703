"""A password is one server's: what a Secret says of another waits for the pods that are configured
for that one.
"""

import logging
from pathlib import Path

import pytest

from cms_service.core.credentials.place import POSTGRES_PORT, REDIS_PORT, SENTINEL_PORT
from cms_service.core.credentials.url_file import from_url_file

OWN = "postgresql://db.example:5432/shop"


def written(file: Path, url: str) -> Path:
    file.write_text(f"{url}\n")
    return file


def with_user(url: str, user_info: str) -> str:
    return url.replace("://", f"://{user_info}@")


def password_after(
    file: Path, first: str, later: str, own: str = OWN, port: int = POSTGRES_PORT
) -> str:
    source = from_url_file(written(file, with_user(first, "pods:old")), own, port)
    assert source.current().password == "old"
    written(file, with_user(later, "pods:new"))
    return source.current().password


@pytest.mark.parametrize(
    "later",
    [
        "postgresql://new.example:5432/shop",
        "postgresql://db.example:5433/shop",
        "postgresql://db.example/blog",
        "redis://db.example:5432/shop",
    ],
)
def test_the_password_of_another_place_is_not_taken(tmp_path: Path, later: str) -> None:
    assert password_after(tmp_path / "url", OWN, later) == "old"


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (OWN, OWN),
        (OWN, "postgres://DB.example/shop?sslmode=require"),
        (OWN, "postgresql://db.example/sho%70"),
        (OWN, "postgresql://standby.example,db.example/shop"),
        ("postgresql://alias.example/shop", "postgresql://alias.example/shop"),
        ("postgresql://moved.example/shop", OWN),
    ],
)
def test_a_new_password_for_the_same_place_is_taken(tmp_path: Path, first: str, later: str) -> None:
    assert password_after(tmp_path / "url", first, later) == "new"


@pytest.mark.parametrize(
    ("own", "port", "same", "other"),
    [
        ("redis://[fd00::1]:6379/0", REDIS_PORT, "redis://[FD00:0::1]", "redis://[fd00::2]"),
        ("redis://a:26379,b:26379/0", SENTINEL_PORT, "redis://c,b", "redis://c:26379,b:6379"),
        ("redis://a:1,redis://b:2/1", REDIS_PORT, "redis://b:2,redis://a:1/1", "redis://a:1,b:2"),
        ("rediss://a:6379/0", REDIS_PORT, "rediss://a", "redis://a"),
    ],
)
def test_places_of_redis(tmp_path: Path, own: str, port: int, same: str, other: str) -> None:
    assert password_after(tmp_path / "url", own, same, own, port) == "new"
    assert password_after(tmp_path / "url", own, other, own, port) == "old"


def test_that_it_waits_is_said_once_and_names_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "url"
    source = from_url_file(written(file, with_user(OWN, "pods:old")), OWN, POSTGRES_PORT)
    source.current()
    for _ in range(2):
        written(file, "postgresql://pods:hunter2@new.example/shop")
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                source.current()
        (message,) = caplog.messages
        assert "another server" in message
        assert "hunter2" not in message
        caplog.clear()
        written(file, with_user(OWN, "pods:old"))
        source.current()
