# ruff: noqa: S603 - the arguments are our own
"""Load by `wrk`: as many requests as its connections can make, one after the other in each."""

import argparse
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CONNECTIONS = 32

# Its answer is one line of JSON: the times that wrk prints are rounded.
_SCRIPT = """
local counted = {first}
local function filled(text)
  return (string.gsub(text, "{{(%d+)%+?(%d*):?(%d*)}}", function(most, more, width)
    local number = (counted + (tonumber(more) or 0)) % tonumber(most)
    return string.format("%0" .. (tonumber(width) or 1) .. "d", number)
  end))
end
local method, path, body = {method}, {path}, {body}
local headers = {{}}
{headers}
local tokens = {{{tokens}}}
request = function()
  counted = counted + 1
  if #tokens > 0 then
    headers["Authorization"] = "Bearer " .. tokens[counted % #tokens + 1]
  end
  return wrk.format(method, filled(path), headers, body and filled(body))
end
done = function(summary, latency)
  io.write(string.format(
    '\\n{{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"failed":%d}}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.connect + summary.errors.read + summary.errors.write
      + summary.errors.status + summary.errors.timeout))
end
"""


class LoadError(Exception):
    pass


@dataclass(frozen=True)
class Request:
    """A request to send many times. In path and body `{N}` counts up to N, `{N+3}` is 3 ahead of
    that, `{N:12}` has 12 digits. `tokens` are used in turn: where there are N of them, the `{N}`th
    is that of the path.
    """

    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    tokens: Sequence[str] = ()

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"

    def filled(self, counted: int) -> "Request":
        """The request that is sent as the `counted`th."""

        def number(found: re.Match[str]) -> str:
            most, more, width = int(found[1]), int(found[2] or 0), int(found[3] or 1)
            return str((counted + more) % most).rjust(width, "0")

        path, body = (
            None if text is None else re.sub(r"\{(\d+)\+?(\d*):?(\d*)\}", number, text)
            for text in (self.path, self.body)
        )
        token = self.tokens[counted % len(self.tokens)] if self.tokens else None
        headers = self.headers if token is None else {"Authorization": f"Bearer {token}"}
        return Request(path or "", headers, body)


@dataclass(frozen=True)
class Figures:
    requests: int
    seconds: float
    p50: float
    """In milliseconds, as p99."""
    p99: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def is_there() -> bool:
    return shutil.which("wrk") is not None


def require() -> None:
    """Exits where it is missing."""
    if not is_there():
        sys.exit("wrk is missing: apt-get install wrk")


@dataclass(frozen=True)
class Options:
    """`seconds` of each load, of which each figure has `rounds`."""

    seconds: int
    rounds: int


def options() -> Options:
    """What the command line asks for. Exits where wrk is missing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    require()
    return Options(given.seconds, given.rounds)


def load(  # noqa: PLR0913 - what wrk is told
    url: str,
    request: Request,
    seconds: int,
    folder: Path,
    first: int = 0,
    *,
    connections: int = CONNECTIONS,
) -> Figures:
    """`first`: where the counting begins. Raises LoadError, also where a single request fails."""
    file = folder / "load.lua"
    file.write_text(script(request, first))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    done = subprocess.run(
        [*command, "-s", str(file), url], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LoadError(f"{request.path}: {done.stderr or done.stdout}")
    try:
        return figures(done.stdout)
    except LoadError as error:
        raise LoadError(f"{request.path}: {error}") from None


def script(request: Request, first: int) -> str:
    encoded = request.path.replace("[", "%5B").replace("]", "%5D")
    return _SCRIPT.format(
        first=first,
        method=_text(request.method),
        path=_text(encoded),
        body="nil" if request.body is None else _text(request.body),
        headers="\n".join(
            f"headers[{_text(name)}] = {_text(value)}" for name, value in request.headers.items()
        ),
        tokens=", ".join(_text(token) for token in request.tokens),
    )


def figures(report: str) -> Figures:
    """Raises LoadError."""
    line = next((line for line in report.splitlines() if line.startswith("{")), None)
    if line is None:
        raise LoadError(f"no figures in {report!r}")
    found: dict[str, int] = json.loads(line)
    if found["failed"] or not found["requests"]:
        raise LoadError(f"{found['failed']} of {found['requests']} requests failed")
    return Figures(
        requests=found["requests"],
        seconds=found["microseconds"] / 1e6,
        p50=found["p50"] / 1000,
        p99=found["p99"] / 1000,
    )


def _text(value: str) -> str:
    """A Lua string: it has the escapes of JSON, but for those by number."""
    encoded = json.dumps(value)
    if "\\u" in encoded:
        raise ValueError(f"only plain ASCII can be sent: {value!r}")
    return encoded
