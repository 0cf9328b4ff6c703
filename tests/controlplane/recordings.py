"""What an operator of another version has left behind, in the middle of a release.

A recording is a HeadlessCMS with its status, and of its children just what the operator wrote. The
test of it writes one of the present version to test-artifacts: copied to the folder beside this
file, under that version's name, it is tried against all later ones.
"""

import json
from pathlib import Path
from typing import Any

import yaml

from cms_operator.cluster.kinds import BY_NAME, CHILDREN, HEADLESS_CMS, Kind
from cms_operator.cluster.transport.client import FIELD_MANAGER
from tests.controlplane import records
from tests.controlplane.api import APPLY, MERGE, Object
from tests.controlplane.team import OF_THE_USERS, Team

FOLDER = Path(__file__).with_name("recordings")
NEW = records.FOLDER / "recording.yaml"


def save(team: Team, name: str = "shop") -> list[Object]:
    cms = team.the("headlesscms", name)
    parent = {
        "apiVersion": HEADLESS_CMS.api_version,
        "kind": HEADLESS_CMS.name,
        "metadata": {"name": name},
        "spec": cms["spec"],
        "status": cms["status"],
    }
    children = [
        _written(kind, child)
        for kind in CHILDREN
        if kind.writable and not kind.optional
        for child in team.all(kind.name.lower())
        if child["metadata"]["name"] not in OF_THE_USERS
    ]
    return [parent, *children]


def load(team: Team, recording: list[Object]) -> None:
    """Write what the recorded operator has left behind."""
    parent, *children = recording
    path = HEADLESS_CMS.path(team.namespace)
    made = team.api.request("POST", path, parent)
    for child in children:
        for owner in child["metadata"]["ownerReferences"]:
            owner["uid"] = made["metadata"]["uid"]
        place = BY_NAME[child["kind"]].path(team.namespace, child["metadata"]["name"])
        team.api.request("PATCH", f"{place}?fieldManager={FIELD_MANAGER}&force=true", child, APPLY)
    status = f"{path}/{made['metadata']['name']}/status"
    team.api.request("PATCH", status, {"status": parent["status"]}, MERGE)


def write(path: Path, recording: list[Object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump_all(recording, sort_keys=False))


def read(path: Path) -> list[Object]:
    return list(yaml.safe_load_all(path.read_text()))


def _written(kind: Kind, child: Object) -> Object:
    how = "Update" if kind.fixed else "Apply"
    (fields,) = (
        entry["fieldsV1"]
        for entry in child["metadata"]["managedFields"]
        if (entry["manager"], entry["operation"]) == (FIELD_MANAGER, how)
    )
    found: Object = _owned(child, fields)
    found["metadata"]["name"] = child["metadata"]["name"]
    return {"apiVersion": kind.api_version, "kind": kind.name, **found}


def _owned(found: Any, fields: Object) -> Any:
    """The part that a manager owns: f: names a field, k: an item of a list by its keys."""
    inner = {key: fields[key] for key in fields if key != "."}
    if not fields:
        return found
    if isinstance(found, list):
        return [
            _owned(item, part)
            for item in found
            for key, part in inner.items()
            if json.loads(key[2:]).items() <= item.items()
        ]
    # A zero may have been left out of the answer.
    return {
        key[2:]: _owned(found[key[2:]], part) for key, part in inner.items() if key[2:] in found
    }
