"""The revisions of a HeadlessCMS as people see them."""

import re
from collections.abc import Mapping
from datetime import datetime

from cms_operator.api.objects import Object
from cms_operator.api.status import MOST_REVISIONS, RevisionStatus
from cms_operator.observed.family import revision_of
from cms_operator.observed.snapshot import Snapshot
from cms_operator.resources.revision import Revision
from cms_operator.rollout.history import newest_first

_TAG = re.compile(r":(?P<tag>[\w][\w.-]{0,127})$", re.ASCII)
_DIGEST_LENGTH = 12


def version_of(image: str) -> str:
    """The tag of an image, its shortened digest, or what stands for neither: latest."""
    name, _, digest = image.partition("@")
    if found := _TAG.search(name.rpartition("/")[2]):
        return found["tag"]
    return digest.partition(":")[2][:_DIGEST_LENGTH] or "latest"


def revision_statuses(
    records: Mapping[str, Object],
    revisions: Mapping[str, Revision],
    snapshot: Snapshot,
    stable_since: Mapping[str, datetime],
) -> tuple[RevisionStatus, ...]:
    statuses = []
    for record in newest_first(records)[:MOST_REVISIONS]:
        name = revision_of(record)
        if name is None or name not in revisions:
            continue
        state = snapshot.revision(name)
        statuses.append(
            RevisionStatus(
                name=name,
                image=revisions[name].image,
                schema_version=snapshot.schemas.made_for.get(name),
                replicas=state.current,
                ready_replicas=state.ready,
                created_at=datetime.fromisoformat(record["metadata"]["creationTimestamp"]),
                stable_at=stable_since.get(name),
            )
        )
    return tuple(statuses)
