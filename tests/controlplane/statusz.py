"""What all fake pods answer on their admin port: a generation of keys that a file names."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ADMIN_PORT = 9000


class Statusz(BaseHTTPRequestHandler):
    generation = Path(sys.argv[1])

    def do_GET(self) -> None:
        body = json.dumps({"jwtKeysGeneration": int(self.generation.read_text())}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    # All pods of the control plane's namespace are behind this one address.
    ThreadingHTTPServer(("0.0.0.0", ADMIN_PORT), Statusz).serve_forever()  # noqa: S104
