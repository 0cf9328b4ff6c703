"""What all fake pods answer on their admin port: a generation of keys that a file names, and
metrics as if they served.

    statusz.py GENERATION [PORT=ERRORS,SLOW[,FILE] | PORT=no-database ...]

ERRORS and SLOW are shares of the requests of the pods with that admin port, from the start or
from when FILE was last written; without it they are well.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ADMIN_PORT = 9000
RATE = 200.0
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
FAST, SLOW = 0.004, 2.0
NO_DATABASE = "no-database"


class Pod(BaseHTTPRequestHandler):
    generation = Path(sys.argv[1])
    started = time.time()
    errors = 0.0
    slow = 0.0
    onset: Path | None = None
    has_database = True

    def do_GET(self) -> None:
        body = self._metrics() if self.path.startswith("/metrics") else self._status()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _status(self) -> bytes:
        return json.dumps({"jwtKeysGeneration": int(self.generation.read_text())}).encode()

    def _ill_since(self, now: float) -> float:
        if self.onset is None:
            return self.started
        return self.onset.stat().st_mtime if self.onset.exists() else now

    def _metrics(self) -> bytes:
        now = time.time()
        total, ill = int(RATE * (now - self.started)), int(RATE * (now - self._ill_since(now)))
        errors, slow = int(ill * self.errors), int(ill * self.slow)
        labels = 'method="GET",route="/v1/{tenant}/entries"'
        lines = [
            f'hcms_http_requests_total{{{labels},status="200"}} {total - errors}.0',
            f'hcms_http_requests_total{{{labels},status="500"}} {errors}.0',
            f'hcms_database_up{{database="primary"}} {float(self.has_database)}',
            "hcms_redis_up 1.0",
            f"process_start_time_seconds {self.started}",
        ]
        for bound in BUCKETS:
            within = (total - slow) * (bound >= FAST) + slow * (bound >= SLOW)
            lines.append(_bucket(labels, str(bound), within))
        return "\n".join([*lines, _bucket(labels, "+Inf", total)]).encode()


def _bucket(labels: str, bound: str, within: int) -> str:
    return f'hcms_http_request_duration_seconds_bucket{{{labels},le="{bound}"}} {within}.0'


def behaviour_of(words: str) -> dict[str, object]:
    if words == NO_DATABASE:
        return {"has_database": False}
    errors, slow, *onset = words.split(",")
    return {"errors": float(errors), "slow": float(slow), "onset": next(map(Path, onset), None)}


def serve(port: int, words: str) -> None:
    behaviour = type("Behaviour", (Pod,), behaviour_of(words))
    # All pods of the control plane's namespace are behind this one address.
    ThreadingHTTPServer(("0.0.0.0", port), behaviour).serve_forever()  # noqa: S104


if __name__ == "__main__":
    asked = [argument.partition("=") for argument in sys.argv[2:]]
    for port, _, behaviour in asked or [(str(ADMIN_PORT), "", "0,0")]:
        threading.Thread(target=serve, args=(int(port), behaviour)).start()
