"""Writes of the status of a HeadlessCMS, and of the Events that tell of it."""

import logging

from cms_operator.api.objects import Object
from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.kinds import HEADLESS_CMS
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.transport.client import FIELD_MANAGER, MERGE, KubernetesClient
from cms_operator.cluster.writing.apply import StaleReadError
from cms_operator.cluster.writing.merge_patch import merge_patch

log = logging.getLogger(__name__)


class StatusWriter:
    def __init__(self, client: KubernetesClient, store: Store) -> None:
        self._client = client
        self._store = store
        self._not_kept: dict[str, Object] = {}
        self._told: set[str] = set()

    def expire(self) -> None:
        """Write once more what the server did not keep: its CRD may be another by now."""
        self._not_kept.clear()

    async def write(self, parent: Object, status: Object) -> bool:
        """Write what differs of the status; False where nothing does that the server would keep.

        Raises StaleReadError, ApiError.
        """
        changes = merge_patch(parent.get("status") or {}, status)
        metadata = parent["metadata"]
        if not changes or changes == self._not_kept.get(metadata["uid"]):
            return False
        guard = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        try:
            answer = await self._client.request(
                "PATCH",
                HEADLESS_CMS.path(metadata["namespace"], metadata["name"]) + "/status",
                query={"fieldManager": FIELD_MANAGER},
                body={"metadata": guard, "status": changes},
                content_type=MERGE,
            )
        except ApiError as error:
            if error.is_conflict:
                raise StaleReadError(f"HeadlessCMS {metadata['name']}") from None
            if not error.is_not_found:
                raise
            # Deleted while we were at work, and the event has not come yet.
            self._store.discard(HEADLESS_CMS, parent)
            return False
        self._store.put(HEADLESS_CMS, answer)
        self._remember_what_was_not_kept(answer, status)
        return True

    def _remember_what_was_not_kept(self, answer: Object, status: Object) -> None:
        """A server prunes what its CRD does not know."""
        uid, lost = answer["metadata"]["uid"], merge_patch(answer.get("status") or {}, status)
        self._not_kept.pop(uid, None)
        if not lost:
            return
        self._not_kept[uid] = lost
        if new := lost.keys() - self._told:
            self._told |= new
            log.warning(
                "the API server does not keep status.%s: its CRD is of another version than the "
                "operator; apply the one that comes with it",
                ", status.".join(sorted(new)),
            )

    async def create_event(self, namespace: str, event: Object) -> None:
        await self._client.request(
            "POST", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events", body=event
        )
