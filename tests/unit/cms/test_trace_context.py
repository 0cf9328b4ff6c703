"""W3C Trace Context, word for word: what is not exactly right is ignored."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_service.core.telemetry.trace_context import TraceContext, begin, from_headers, parse

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01".encode()

STRICT = re.compile(
    rb"(?!ff)(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
    rb"|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?)"
)


def test_the_recommendations_own_example() -> None:
    context = parse(GOOD, b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
    assert context == TraceContext(
        int(TRACE, 16), int(SPAN, 16), sampled=True, state="rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
    )
    assert (context.trace_hex, context.span_hex) == (TRACE, SPAN)


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"00-{TRACE}-{SPAN}-fe", False),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", True),
        (f"01-{TRACE}-{SPAN}-01", True),
    ],
)
def test_flags_and_versions_to_come(header: str, *, sampled: bool) -> None:
    context = parse(header.encode())
    assert context is not None
    assert context.sampled is sampled


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"cc-{TRACE}-{SPAN}-01.more",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{'g' * 32}-{SPAN}-01",
    ],
)
def test_what_is_no_traceparent(header: str) -> None:
    assert parse(header.encode()) is None


def test_two_traceparents_are_none_and_several_tracestates_are_one() -> None:
    parent = (b"traceparent", GOOD)
    assert from_headers([parent, parent]) is None
    assert from_headers([(b"tracestate", b"a=1")]) is None
    context = from_headers([(b"tracestate", b"a=1, "), parent, (b"tracestate", b"\tb@c=2 2")])
    assert context is not None
    assert context.state == "a=1,b@c=2 2"


@pytest.mark.parametrize(
    "state",
    [
        "a",
        "a=",
        "=1",
        "A=1",
        "a=1,a=2",
        "a=1=2",
        "a=\u00e9",
        f"{'a' * 257}=1",
        f"a={'1' * 257}",
        "@b=1",
        "a@=1",
        "a@b@c=1",
        ",".join(f"k{number}=1" for number in range(33)),
    ],
)
def test_a_wrong_tracestate_is_dropped_and_the_parent_kept(state: str) -> None:
    context = parse(GOOD, state.encode("latin-1"))
    assert context is not None
    assert context.state == ""


@given(st.binary(max_size=80) | st.from_regex(STRICT, fullmatch=True), st.binary(max_size=80))
def test_whatever_comes_the_result_is_valid_or_nothing(parent: bytes, state: bytes) -> None:
    context = parse(parent, state)
    if context is None:
        valid = STRICT.fullmatch(parent)
        assert valid is None or b"-" + b"0" * 16 in parent or b"\n" in parent
        return
    assert 0 < context.trace_id < 2**128
    assert 0 < context.span_id < 2**64
    again = f"00-{context.trace_hex}-{context.span_hex}-{context.sampled:02x}".encode()
    assert parse(again, context.state.encode()) == context


@given(
    st.builds(
        TraceContext,
        st.integers(1, 2**128 - 1),
        st.integers(1, 2**64 - 1),
        st.booleans(),
        st.just("a=1"),
    )
)
def test_a_span_stays_in_its_callers_trace(parent: TraceContext) -> None:
    own = begin(parent)
    assert own == replace(parent, span_id=own.span_id)
    assert own.span_id not in {0, parent.span_id}
    assert begin(None).trace_id != begin(None).trace_id
