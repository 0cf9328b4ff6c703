import io

import pytest

from localcluster.progress import Progress
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_a_step_tells_its_start_its_end_and_the_time(clock: Clock, stream: io.StringIO) -> None:
    progress = Progress(stream, clock)
    with progress.step("kubelet"):
        clock.now = 9.5
    assert stream.getvalue().splitlines() == [
        "[   0.0 s] kubelet ...",
        "[   9.5 s] kubelet: done in 9.5 s",
    ]


def test_a_long_step_tells_what_it_does_but_not_every_line(
    clock: Clock, stream: io.StringIO
) -> None:
    progress = Progress(stream, clock)
    with progress.step("building") as step:
        for second in range(30):
            clock.now = float(second)
            step.detail(f"package {second}")
    details = [line for line in stream.getvalue().splitlines() if "package" in line]
    assert details == [
        "[  10.0 s] building: package 10 (10 s)",
        "[  20.0 s] building: package 20 (20 s)",
    ]


def test_a_failed_step_is_not_called_done(clock: Clock, stream: io.StringIO) -> None:
    progress = Progress(stream, clock)
    with pytest.raises(OSError, match="disk full"), progress.step("building"):
        raise OSError("disk full")
    assert stream.getvalue().splitlines()[-1] == "[   0.0 s] building: failed after 0.0 s"
