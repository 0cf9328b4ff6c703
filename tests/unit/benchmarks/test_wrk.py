"""What `wrk` is told to send, and what it tells."""

import pytest
from lupa import LuaRuntime

from benchmarks.wrk import Figures, LoadError, Request, figures, script

REPORT = """Running 5s test @ http://127.0.0.1:1
  1 threads and 32 connections
Requests/sec:   1646.90
Transfer/sec:      4.02MB

{"requests":8300,"microseconds":5040000,"p50":18210,"p99":40125,"failed":0}
"""


def test_the_figures_are_those_of_the_report() -> None:
    found = figures(REPORT)
    assert found == Figures(requests=8300, seconds=5.04, p50=18.21, p99=40.125)
    assert found.rate == pytest.approx(1646.8, abs=0.1)


@pytest.mark.parametrize(
    ("report", "message"),
    [
        (REPORT.replace('"failed":0', '"failed":3'), "3 of 8300 requests failed"),
        (REPORT.replace("8300", "0"), "0 of 0 requests failed"),
        ("unable to connect", "no figures in"),
    ],
    ids=["some failed", "nothing was answered", "wrk itself failed"],
)
def test_a_load_with_failures_has_no_figures(report: str, message: str) -> None:
    with pytest.raises(LoadError, match=message):
        figures(report)


@pytest.mark.parametrize(
    ("text", "counted", "sent"),
    [
        ("/article-{100}", 7, "/article-7"),
        ("/article-{100}", 107, "/article-7"),
        ("/1{100:6}", 42, "/1000042"),
        ("/{50}/{50+7}/{50+19:3}", 40, "/40/47/009"),
        ("/plain?a={}&b={x}", 3, "/plain?a={}&b={x}"),
    ],
)
def test_places_are_filled_with_what_is_counted(text: str, counted: int, sent: str) -> None:
    assert Request(text).filled(counted).path == sent


def test_wrk_fills_places_as_we_do() -> None:
    request = Request(
        "/1{100:6}?filter[author]=a{50+19:3}&b={x}",
        {"Authorization": "Bearer a.b"},
        '{"slug": "made-{1000000000}", "text": "50 % \\"more\\""}',
    )
    lua = LuaRuntime()
    lua.execute(
        "wrk = {format = function(method, path, headers, body)"
        " return method .. path .. headers.Authorization .. body end}"
    )
    lua.execute(script(request, first=141))
    sent = request.filled(142)
    path = sent.path.replace("[", "%5B").replace("]", "%5D")
    assert lua.eval("request()") == f"POST{path}Bearer a.b{sent.body}"


@pytest.mark.parametrize("counted", [6, 7, 8])
def test_tokens_are_used_in_turn(counted: int) -> None:
    request = Request("/tenant-{3}", tokens=["zero", "one", "two"])
    lua = LuaRuntime()
    lua.execute(
        "wrk = {format = function(method, path, headers) return path .. headers.Authorization end}"
    )
    lua.execute(script(request, first=counted - 1))
    sent = request.filled(counted)
    assert sent.path == f"/tenant-{counted % 3}"
    assert lua.eval("request()") == sent.path + sent.headers["Authorization"]
    assert sent.headers["Authorization"] == f"Bearer {request.tokens[counted % 3]}"


def test_a_text_that_lua_would_read_otherwise_is_refused() -> None:
    with pytest.raises(ValueError, match="plain ASCII"):
        script(Request("/ä"), first=0)
