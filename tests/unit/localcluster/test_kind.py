"""A kind cluster whose making was broken off is no cluster: it is made anew, or taken away."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from localcluster import addons, binaries, current, engine, kind, provision, systemimages
from localcluster.errors import ClusterError
from localcluster.progress import Progress

# It lists a cluster from the beginning of its making on, as kind does.
KIND = """\
#!/bin/sh
echo "$1" >>"$FOLDER/calls"
case "$1 $2" in
  'get clusters') cat "$FOLDER/listed" ;;
  'create cluster') echo headlesscms >"$FOLDER/listed"; [ ! -e "$FOLDER/breaks" ] ;;
  'delete cluster') : >"$FOLDER/listed" ;;
esac
"""


@dataclass(frozen=True)
class Engine:
    """What is on it, and what kind was asked to do with it."""

    folder: Path

    def creation_breaks(self, *, off: bool) -> None:
        (self.folder / "breaks").touch() if off else (self.folder / "breaks").unlink()

    def has(self, cluster: str) -> None:
        (self.folder / "listed").write_text(cluster)

    def listed(self) -> list[str]:
        return (self.folder / "listed").read_text().split()

    def changes(self) -> list[str]:
        """Since the last time."""
        calls = (self.folder / "calls").read_text().split()
        (self.folder / "calls").write_text("")
        return [call for call in calls if call in ("create", "delete", "load")]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    for name in ("FOLDER", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("KIND_EXPERIMENTAL_PROVIDER", "")
    (tmp_path / "kind").write_text(KIND)
    (tmp_path / "kind").chmod(0o755)
    for name in ("listed", "calls"):
        (tmp_path / name).touch()
    monkeypatch.setattr(binaries, "ensure", lambda *_: tmp_path)
    monkeypatch.setattr(engine, "found", lambda: "docker")
    monkeypatch.setattr(systemimages, "archive", lambda *_: tmp_path / "image")
    monkeypatch.setattr(addons, "metrics", lambda *_: "")
    monkeypatch.setattr(addons, "apply", lambda *_: None)
    return Engine(tmp_path)


def test_a_finished_cluster_is_used_again(machine: Engine) -> None:
    kind.up(Progress())
    assert machine.changes() == ["create", "load"]
    kind.up(Progress())
    assert machine.changes() == []


def test_one_whose_creation_was_broken_off_is_made_anew(machine: Engine) -> None:
    machine.creation_breaks(off=True)
    with pytest.raises(ClusterError):
        kind.up(Progress())
    assert machine.listed() == [kind.NAME]
    machine.changes()
    machine.creation_breaks(off=False)
    kind.up(Progress())
    assert machine.changes() == ["delete", "create", "load"]
    kind.up(Progress())
    assert machine.changes() == []


def test_one_that_was_left_without_metrics_is_made_anew(
    machine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(addons, "apply", interrupted)
        with pytest.raises(KeyboardInterrupt):
            kind.up(Progress())
    machine.changes()
    kind.up(Progress())
    assert machine.changes() == ["delete", "create", "load"]


def test_one_that_somebody_else_has_made_is_not_deleted(machine: Engine) -> None:
    machine.has(kind.NAME)
    kind.up(Progress())
    assert machine.changes() == []


def test_down_removes_one_that_never_was_up(machine: Engine) -> None:
    machine.creation_breaks(off=True)
    with pytest.raises(ClusterError):
        kind.up(Progress())
    assert current.load() is None
    provision.down(Progress())
    assert machine.listed() == []
    machine.changes()
    provision.down(Progress())
    assert machine.changes() == [], "there is nothing left to ask for"
