"""What others have written, on the terminal of who looks at it."""

import pytest

from cms_operator.cli.terminal import FAILED, fail, say

# It clears the screen, names the window, and writes a line of its own.
HOSTILE = "DatabaseMigrated \x1b[2J\x1b]0;you\x07 \x9b31m\r\n✔ Ready"
HARMLESS = r"DatabaseMigrated \x1b[2J\x1b]0;you\x07 \x9b31m\r\n✔ Ready"


def test_what_a_pod_says_gives_the_terminal_no_orders(capsys: pytest.CaptureFixture[str]) -> None:
    """A migration's report, a webhook's words and a variable's value are shown as they came."""
    say(["✖ Ready", HOSTILE])
    assert capsys.readouterr().out == f"✖ Ready\n{HARMLESS}\n"


def test_colours_are_the_plugins_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    say(["✔ Ready \x1b[31m"])
    assert capsys.readouterr().out == "\x1b[32m✔\x1b[0m Ready \\x1b[31m\n"


def test_an_error_of_several_lines_keeps_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail("refused \x1b[2J\nby the server") == FAILED
    assert capsys.readouterr().err == "error: refused \\x1b[2J\nby the server\n"
