import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcluster import processes
from localcluster.errors import ClusterError
from localcluster.processes import ProcessFolder, ProcessRecord, parse_stat

SLEEP = ["sleep", "300"]
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(300)
"""


@given(st.text(st.characters(codec="ascii", exclude_characters="\n"), max_size=15))
def test_the_start_time_is_found_whatever_the_program_is_called(name: str) -> None:
    fields = ["S", *map(str, range(1, 50))]
    assert parse_stat(f"4711 ({name}) {' '.join(fields)}") == ("S", 19)


def test_a_started_process_is_recorded_and_stopped(tmp_path: Path) -> None:
    folder = ProcessFolder(tmp_path)
    record = folder.start("sleeper", SLEEP)
    assert folder.records() == [record]
    assert record.alive()
    folder.stop()
    assert not record.alive()
    assert folder.records() == []


def test_a_process_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    folder = ProcessFolder(tmp_path)
    record = folder.start("deaf", [sys.executable, "-c", DEAF])
    while "deaf" not in folder.log("deaf").read_text():
        os.sched_yield()
    folder.stop(grace_seconds=0.1)
    assert not record.alive()


@pytest.mark.parametrize("change", [{"start_time": 1}, {"boot": "another boot"}])
def test_a_process_that_took_over_a_recorded_id_is_left_alone(
    tmp_path: Path, change: dict[str, int | str]
) -> None:
    folder = ProcessFolder(tmp_path)
    innocent = folder.start("innocent", SLEEP)
    recorded = replace(innocent, **change)  # type: ignore[arg-type]
    processes.stop([recorded], grace_seconds=0.0)
    assert not recorded.alive()
    assert innocent.alive()
    folder.stop()


def test_stopping_one_process_leaves_the_others(tmp_path: Path) -> None:
    folder = ProcessFolder(tmp_path)
    folder.start("one", SLEEP)
    other = folder.start("other", SLEEP)
    folder.stop(["one"])
    assert folder.records() == [other]
    assert other.alive()
    folder.stop()


def test_a_process_that_died_is_reported_with_its_last_words(tmp_path: Path) -> None:
    folder = ProcessFolder(tmp_path)
    folder.start("short", ["sh", "-c", "echo no such option; exit 3"])
    while folder.records()[0].alive():
        os.sched_yield()
    with pytest.raises(ClusterError) as caught:
        folder.require_alive()
    assert "short ended unexpectedly" in str(caught.value)
    assert "no such option" in str(caught.value)
    assert str(folder.log("short")) in str(caught.value)
    folder.stop()


def test_a_log_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    folder = ProcessFolder(tmp_path)
    folder.start("sleeper", SLEEP)
    assert folder.log("sleeper").stat().st_mode & 0o077 == 0
    folder.stop()


def test_nobody_is_recorded_for_a_process_that_is_not_there() -> None:
    with pytest.raises(ProcessLookupError):
        ProcessRecord.of("nobody", 2**22 + 1)
