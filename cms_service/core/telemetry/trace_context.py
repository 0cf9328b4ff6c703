"""W3C Trace Context: which trace a request belongs to. A header that is not exactly as the
recommendation says is ignored, as it asks, and the trace begins here.
"""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_INVALID_VERSION = b"ff"
_KNOWN_VERSION = b"00"
_SAMPLED = 0x01

_MAX_MEMBERS = 32
_KEY = r"[a-z0-9][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13}"
_MEMBER = re.compile(
    rf"({_KEY})=([\x20-\x2b\x2d-\x3c\x3e-\x7e]{{0,255}}[\x21-\x2b\x2d-\x3c\x3e-\x7e])"
)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """`state` is the header tracestate, in its shortest form."""

    trace_id: int
    span_id: int
    sampled: bool = False
    state: str = ""

    @property
    def trace_hex(self) -> str:
        return f"{self.trace_id:032x}"

    @property
    def span_hex(self) -> str:
        return f"{self.span_id:016x}"


def from_headers(headers: Iterable[tuple[bytes, bytes]]) -> TraceContext | None:
    """The caller's span, if it names one."""
    parent, states = None, []
    for name, value in headers:
        if name == b"traceparent":
            if parent is not None:
                return None
            parent = value
        elif name == b"tracestate":
            states.append(value)
    return None if parent is None else parse(parent, b",".join(states))


def parse(traceparent: bytes, tracestate: bytes = b"") -> TraceContext | None:
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == _INVALID_VERSION or (version == _KNOWN_VERSION and rest is not None):
        return None
    context = TraceContext(
        int(trace_id, 16), int(span_id, 16), bool(int(flags, 16) & _SAMPLED), _state(tracestate)
    )
    return context if context.trace_id and context.span_id else None


def _state(value: bytes) -> str:
    """Nothing where any of it is wrong: it may then not be passed on."""
    members = [member.strip(" \t") for member in value.decode("latin-1").split(",")]
    members = [member for member in members if member]
    matches = [_MEMBER.fullmatch(member) for member in members]
    keys = {match[1] for match in matches if match is not None}
    if len(keys) != len(members) or len(members) > _MAX_MEMBERS:
        return ""
    return ",".join(members)


def begin(parent: TraceContext | None) -> TraceContext:
    """A span of this service."""
    span_id = random.getrandbits(64) or 1
    if parent is None:
        return TraceContext(random.getrandbits(128) or 1, span_id)
    return TraceContext(parent.trace_id, span_id, parent.sampled, parent.state)
