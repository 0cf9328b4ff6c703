"""A bill of materials in CycloneDX 1.6: the same parts make the same file."""

import hashlib
import json
import uuid
from collections.abc import Iterable
from typing import Any

from supply.components import Component

_SPACE = uuid.UUID("7b0a3c59-1c5a-5f0e-9d0f-5a1d6d1a5b0e")


def bill(name: str, version: str, digest: str, parts: Iterable[Component]) -> dict[str, Any]:
    """`digest` is the SHA-256 of the image's configuration, in hex."""
    found = sorted(set(parts))
    image = f"{name}@{version}"
    body: dict[str, Any] = {
        "metadata": {
            "component": {
                "type": "container",
                "bom-ref": image,
                "name": name,
                "version": version,
                "hashes": [_sha256(digest)],
            }
        },
        "components": [_component(part) for part in found],
        "dependencies": [{"ref": image, "dependsOn": [part.purl for part in found]}],
    }
    text = json.dumps(body, sort_keys=True).encode()
    serial = uuid.uuid5(_SPACE, hashlib.sha256(text).hexdigest())
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        **body,
    }


def _component(part: Component) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": part.purl,
        "name": part.name,
        "version": part.version,
        "purl": part.purl,
    }
    if part.hashes:
        found["hashes"] = [_sha256(digest) for digest in part.hashes]
    return found


def _sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}
