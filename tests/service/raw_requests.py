"""Requests as bytes, for what no client would send: above all what two programs could read in two
ways, so that one of them takes for a request what the other took for a body (request smuggling).
"""

import socket


def head(line: str, *headers: str) -> bytes:
    return "".join(f"{text}\r\n" for text in (line, "Host: api.example.com", *headers, "")).encode()


SMUGGLED = head("GET /smuggled HTTP/1.1")
LOGIN = "POST /v1/tenants/main/auth/login HTTP/1.1"
CHUNKED = "Transfer-Encoding: chunked"
END = b"0\r\n\r\n"

ATTACKS = {
    "CL.TE": head(LOGIN, f"Content-Length: {len(END + SMUGGLED)}", CHUNKED) + END + SMUGGLED,
    "TE.CL": head(LOGIN, CHUNKED, "Content-Length: 3") + b"1\r\na\r\n" + END + SMUGGLED,
    "two lengths": head(LOGIN, "Content-Length: 0", f"Content-Length: {len(SMUGGLED)}") + SMUGGLED,
    "one length twice": head(LOGIN, "Content-Length: 0", "Content-Length: 0") + SMUGGLED,
    "a list of lengths": head(LOGIN, "Content-Length: 0, 9") + SMUGGLED,
    "a signed length": head(LOGIN, "Content-Length: +0") + SMUGGLED,
    "a space before the colon": head(LOGIN, "Content-Length : 0") + SMUGGLED,
    "a folded header": head(LOGIN, "X-A: b", " Content-Length: 0") + SMUGGLED,
    "an unknown coding": head(LOGIN, "Transfer-Encoding: xchunked") + END + SMUGGLED,
    "two codings": head(LOGIN, CHUNKED, "Transfer-Encoding: identity") + END + SMUGGLED,
    "a coding in HTTP/1.0": head(LOGIN.replace("1.1", "1.0"), CHUNKED) + END + SMUGGLED,
    "a wrong chunk": head(LOGIN, CHUNKED) + b"-1\r\n" + SMUGGLED,
    "a NUL in a header": head("GET /health HTTP/1.1", "X-A: a\0b") + SMUGGLED,
    "two hosts": head("GET /health HTTP/1.1", "Host: other.example.com") + SMUGGLED,
    "an absolute URI": head("GET http://other.example.com/health HTTP/1.1"),
    "an asterisk": head("OPTIONS * HTTP/1.1"),
    "a tunnel": head("CONNECT other.example.com:443 HTTP/1.1"),
    **{
        f"the path {path}": head(f"GET {path} HTTP/1.1")
        for path in (
            "//health",
            "/v1//tenants",
            "/v1/../health",
            "/./health",
            "/v1/..",
            "/../../etc/passwd",
            "/v1/%2e%2e/health",
            "/v1/tenants%2Fmain",
            "/v1/tenants%5cmain",
            "/v1\\tenants",
            "/health%0d%0aX-Injected:%20yes",
            "/health%00",
            "/health%7f",
        )
    },
}


def all_that_comes(port: int, request: bytes) -> bytes:
    """Until the server closes, as it does after a refusal."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))
