"""Which pods a rotation of the signing key waits for; they say what ring they use."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from cms_operator.api.status import JwtKeysStatus
from cms_operator.cluster.kinds import SECRET
from cms_operator.cluster.outbound.pods import PodReader, Target
from cms_operator.cluster.writing.apply import Applier
from cms_operator.observed.family import Family
from cms_operator.reconcile.credentials import MOUNTS_SETTLE, Credentials
from cms_operator.reconcile.subject import Subject
from cms_operator.resources import labels
from cms_operator.resources.revision import Revision
from cms_operator.resources.secrets import jwt_keys
from tests.support.children import case, no_randomness
from tests.support.specs import SOURCES, manifest
from tests.unit.rollout.pictures import NOON, later

SHOP = case(manifest(), SOURCES)
GROWN = jwt_keys.add_key(jwt_keys.initial(no_randomness, None), no_randomness, b"n" * 32)
RECORD = Revision("known", {}, {"ADMIN_PORT": "9000"}, {})
VERIFYING = JwtKeysStatus(generation=GROWN.generation, phase="Verifying", since=NOON)
LONG = MOUNTS_SETTLE.total_seconds()


class Pods:
    """Each one that can be asked uses the newest ring."""

    async def key_generations(self, targets: Sequence[Target]) -> tuple[int, ...]:
        return tuple(GROWN.generation for _ in targets)


class Server:
    async def apply(self, manifest: Mapping[str, Any], owner: str) -> None:
        """Takes whatever is written."""


def pod(revision: str, *, ready: bool = True) -> Any:
    condition = {"type": "Ready", "status": str(ready)}
    return {
        "metadata": {"name": f"shop-{revision}", "labels": {labels.REVISION: revision}},
        "status": {"podIP": "10.0.0.1", "conditions": [condition]},
    }


async def phase(pods: Sequence[Any], *, seconds: float) -> str:
    secret = jwt_keys.build(SHOP.resource, GROWN)
    family = Family({SECRET.name: {secret["metadata"]["name"]: secret}}, tuple(pods))
    credentials = Credentials(cast(Applier, Server()), cast(PodReader, Pods()), no_randomness)
    subject = Subject(SHOP.resource, family, {"known": RECORD}, later(seconds))
    step = await credentials.rotate_keys(subject, SHOP.sources, VERIFYING)
    return step.status.phase


async def test_pods_that_all_know_the_new_key_sign_with_it() -> None:
    assert await phase([pod("known"), pod("known")], seconds=5) == "Signing"


@pytest.mark.parametrize("silent", [pod("known", ready=False), pod("spoilt")])
async def test_one_that_cannot_be_asked_is_given_the_time_that_a_mount_takes(silent: Any) -> None:
    """It starts just now, or somebody has deleted the ControllerRevision of what serves."""
    assert await phase([pod("known"), silent], seconds=LONG - 1) == "Verifying"
    assert await phase([pod("known"), silent], seconds=LONG) == "Signing"
