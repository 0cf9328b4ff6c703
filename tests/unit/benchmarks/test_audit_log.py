"""Requests are counted in the audit log although the API server rotates it meanwhile."""

import json
from pathlib import Path

import pytest

from tests.controlplane.audit import START, AuditLog, Place


class Server:
    """Writes the log as the API server does."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "audit.log"
        self._asked = 0
        self._rotations = 0

    def ask(self, *names: str) -> None:
        with self.log.open("a") as file:
            for name in names:
                self._asked += 1
                file.write(json.dumps(event(name, self._asked)) + "\n")

    def rotate(self) -> Path:
        self._rotations += 1
        kept = self.log.with_name(f"audit-2026-01-01T00-00-0{self._rotations}.000.log")
        return self.log.rename(kept)


def event(name: str, number: int) -> dict[str, object]:
    return {
        "auditID": str(number),
        "verb": "get",
        "stage": "ResponseComplete",
        "user": {"username": "someone"},
        "objectRef": {"resource": "pods", "name": name},
        "requestReceivedTimestamp": f"2026-01-01T00:00:{number:02}.000000Z",
        "stageTimestamp": f"2026-01-01T00:00:{number:02}.000001Z",
        "annotations": {"authorization.k8s.io/decision": "allow"},
    }


def asked(log: AuditLog, place: Place = START) -> list[str]:
    return [found.name for found in log.since(place, user=None)]


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


def test_what_was_asked_before_the_place_does_not_count(server: Server) -> None:
    log = AuditLog(server.log)
    server.ask("a", "b")
    place = log.now()
    server.ask("c")
    assert asked(log, place) == ["c"]
    assert asked(log) == ["a", "b", "c"]


def test_rotations_in_between_lose_and_double_nothing(server: Server) -> None:
    log = AuditLog(server.log)
    server.ask("a")
    place = log.now()
    server.ask("b")
    server.rotate()
    server.ask("c")
    server.rotate()
    server.ask("d")
    assert asked(log, place) == ["b", "c", "d"]


def test_a_place_in_the_moment_of_a_rotation_is_the_end_of_the_old_file(server: Server) -> None:
    log = AuditLog(server.log)
    server.ask("a")
    server.rotate()
    place = log.now()
    server.ask("b")
    assert asked(log, place) == ["b"]


def test_a_part_that_is_no_longer_kept_is_an_error_and_no_smaller_number(server: Server) -> None:
    log = AuditLog(server.log)
    server.ask("a")
    place = log.now()
    server.rotate().unlink()
    server.ask("b")
    with pytest.raises(LookupError):
        log.since(place)


def test_a_line_that_is_being_written_counts_later(server: Server) -> None:
    log = AuditLog(server.log)
    server.ask("a")
    place = log.now()
    text = json.dumps(event("b", 9)) + "\n"
    with server.log.open("a") as file:
        file.write(text[:20])
        file.flush()
        assert asked(log, place) == []
        file.write(text[20:])
    assert asked(log, place) == ["b"]
