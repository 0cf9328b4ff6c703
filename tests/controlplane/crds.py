"""CRDs of other versions of the operator, served for a while."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from cms_operator.cluster.kinds import HEADLESS_CMS
from tests.controlplane.api import Object, RefusedError
from tests.controlplane.team import Team, eventually
from tests.support.charts import REPOSITORY

NAME = f"{HEADLESS_CMS.plural}.{HEADLESS_CMS.group}"
OURS: Object = yaml.safe_load(
    (REPOSITORY / "crds" / f"{HEADLESS_CMS.group}_{HEADLESS_CMS.plural}.yaml").read_text()
)
NEW_FIELD = {"type": "string"}


def fields(crd: Object, part: str) -> Object:
    (version,) = crd["spec"]["versions"]
    found: Object = version["schema"]["openAPIV3Schema"]["properties"][part]["properties"]
    return found


def older() -> Object:
    """The CRD without fields that have a default, and without some that the operator reports."""
    crd = copy.deepcopy(OURS)
    for name in ("logLevel", "trustedProxies", "podDisruptionBudget"):
        del fields(crd, "spec")[name]
    for name in ("revisions", "jwtKeys", "address", "version"):
        del fields(crd, "status")[name]
    return crd


def newer() -> Object:
    """The CRD with a strategy and fields that the operator has never heard of."""
    crd = copy.deepcopy(OURS)
    for part in ("spec", "status"):
        fields(crd, part)["shadow"] = NEW_FIELD
    fields(crd, "spec")["rollout"]["properties"]["strategy"]["enum"].append("Shadow")
    return crd


@contextmanager
def served(team: Team, crd: Object) -> Iterator[None]:
    try:
        replace(team, crd)
        yield
    finally:
        replace(team, OURS)


def replace(team: Team, crd: Object) -> None:
    """Until the server explains the fields as this CRD has them, and serves the objects again."""
    team.kubectl("replace", "-f", "-", stdin=json.dumps(crd))
    eventually(lambda: is_in_force(team, crd), "the CRD is in force")


def is_in_force(team: Team, crd: Object) -> bool:
    try:
        team.all("headlesscms")
    except RefusedError:
        return False
    return explained(team) == {part: set(fields(crd, part)) for part in ("spec", "status")}


def explained(team: Team) -> dict[str, set[str]]:
    (schema,) = (
        found
        for name, found in team.api.request("GET", f"/openapi/v3/apis/{HEADLESS_CMS.api_version}")[
            "components"
        ]["schemas"].items()
        if name.endswith(f".{HEADLESS_CMS.name}")
    )
    return {part: set(schema["properties"][part]["properties"]) for part in ("spec", "status")}
