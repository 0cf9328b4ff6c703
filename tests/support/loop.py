"""Around the tests of all processes of pytest-xdist."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from _pytest.capture import CaptureManager


def is_begun_by(session: pytest.Session) -> bool:
    """Only the process that a person has started begins what all share."""
    return not hasattr(session.config, "workerinput") and not session.config.option.collectonly


@contextmanager
def shown(session: pytest.Session) -> Iterator[None]:
    """What is written meanwhile reaches the terminal: minutes of building are not to be silent."""
    capture = session.config.pluginmanager.getplugin("capturemanager")
    if not isinstance(capture, CaptureManager):
        yield
        return
    with capture.global_and_fixture_disabled():
        yield
