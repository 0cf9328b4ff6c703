"""Make etcd forget all versions of its objects but the newest: compact_etcd.py CREDENTIALS PORT."""

import http.client
import json
import ssl
import sys
from pathlib import Path
from typing import Any

SECONDS = 30


def call(connection: http.client.HTTPSConnection, path: str, body: dict[str, Any]) -> Any:
    connection.request("POST", f"/v3/kv/{path}", json.dumps(body))
    answer = connection.getresponse()
    found = json.loads(answer.read())
    if answer.status != http.HTTPStatus.OK:
        raise SystemExit(f"{path}: {answer.status} {found}")
    return found


def main(credentials: Path, port: int) -> None:
    context = ssl.create_default_context(cafile=str(credentials / "etcd-ca.crt"))
    context.load_cert_chain(credentials / "etcd-client.crt", credentials / "etcd-client.key")
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=SECONDS, context=context)
    nothing = {"key": "AA=="}
    now = call(connection, "range", nothing)["header"]["revision"]
    call(connection, "compaction", {"revision": now, "physical": True})


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
