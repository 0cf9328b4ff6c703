"""Writes of children: creates, server-side apply with preconditions, guarded deletes."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cms_operator.api.objects import Object
from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.kinds import BY_NAME, HEADLESS_CMS, SECRET, Kind
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.transport.client import (
    APPLY,
    FIELD_MANAGER,
    JSON,
    MERGE,
    KubernetesClient,
)
from cms_operator.cluster.writing.drift import APPLIED, fingerprint, first_difference
from cms_operator.observed.family import is_controlled_by

# No object has this version after etcd's first write, so the server creates it or answers 409.
CREATE_ONLY = "1"


class NameHeldError(Exception):
    """A child's name belongs to an object that is not ours; it was left as it is."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name}")
        self.kind = kind
        self.name = name


class NameTakenError(NameHeldError):
    """The name belongs to an object of somebody else."""


class StillEndingError(NameHeldError):
    """The name belongs to a deleted object, which goes when it has no finalizer left."""

    def __init__(self, kind: str, name: str, finalizers: Sequence[str]) -> None:
        super().__init__(kind, name)
        self.finalizers = tuple(finalizers)


class StaleReadError(Exception):
    """An object has changed since it was read; the next reconcile sees it."""


def stamped(manifest: Object) -> dict[str, Any]:
    """Add the fingerprint; a Secret gets none, so that no hash of a value can be read off it."""
    metadata = dict(manifest["metadata"])
    if manifest["kind"] != SECRET.name:
        annotations = {**(metadata.get("annotations") or {}), APPLIED: fingerprint(manifest)}
        metadata["annotations"] = annotations
    return {**manifest, "metadata": metadata}


def drift(manifest: Object, live: Object | None) -> str | None:
    """Name what would have to be written: a field's path, or None."""
    if live is None:
        return "the object is missing"
    return first_difference(stamped(manifest), live)


def was_asked_otherwise(manifest: Object, live: Object) -> bool:
    annotations = live["metadata"].get("annotations") or {}
    return bool(annotations.get(APPLIED) != fingerprint(manifest))


class _Write(NamedTuple):
    """One request. `name` is part of its path; None where it goes to the collection."""

    method: str
    name: str | None
    content_type: str
    body: Object


def _write(kind: Kind, manifest: Object, live: Object | None) -> _Write:
    """The cheapest request that makes `live` as asked: an apply costs the server twice as much."""
    name = manifest["metadata"]["name"]
    if live is None and kind.fixed:
        # It is never applied later, so no field needs an owner.
        return _Write("POST", None, JSON, stamped(manifest))
    if live is None:
        guard = {"resourceVersion": CREATE_ONLY}
    else:
        guard = {key: live["metadata"][key] for key in ("uid", "resourceVersion")}
        if _differs_in_replicas_alone(manifest, live):
            # Most writes of a release.
            replicas = manifest["spec"]["replicas"]
            return _Write("PATCH", name, MERGE, {"metadata": guard, "spec": {"replicas": replicas}})
    body = stamped(manifest)
    whole = {**body, "metadata": {**body["metadata"], **guard}}
    return _Write("PATCH", name, APPLY, whole)


def _differs_in_replicas_alone(manifest: Object, live: Object) -> bool:
    spec = manifest.get("spec", {})
    rest = {key: value for key, value in spec.items() if key != "replicas"}
    return "replicas" in spec and drift({**manifest, "spec": rest}, live) is None


class Applier:
    """Writes children for one operator and folds each answer into the store.

    `written` is told the kind of each child that the server has taken.
    """

    def __init__(
        self, client: KubernetesClient, store: Store, written: Callable[[Kind], None]
    ) -> None:
        self._client = client
        self._store = store
        self._written = written

    def known(self, manifest: Object) -> Object | None:
        """The store's copy of a child."""
        metadata = manifest["metadata"]
        return self._store.get(BY_NAME[manifest["kind"]], metadata["namespace"], metadata["name"])

    async def apply(self, manifest: Object, owner_uid: str) -> bool:
        """Make one child as asked; False where it already was.

        Raises NameHeldError, StaleReadError, ApiError.
        """
        kind = BY_NAME[manifest["kind"]]
        live = self.known(manifest)
        if live is not None and not is_controlled_by(live, owner_uid):
            raise self._not_ours(kind, live)
        if drift(manifest, live) is None:
            return False
        await self._send(kind, manifest, live)
        return True

    async def create(self, manifest: Object, owner_uid: str) -> None:
        """Make a child that is not there; one that is there after all is never written over.

        Raises NameHeldError, StaleReadError, ApiError.
        """
        kind = BY_NAME[manifest["kind"]]
        live = self.known(manifest)
        if live is None:
            await self._send(kind, manifest, None)
        elif is_controlled_by(live, owner_uid):
            raise StaleReadError(f"{kind.name} {manifest['metadata']['name']}")
        else:
            raise self._not_ours(kind, live)

    async def _send(self, kind: Kind, manifest: Object, live: Object | None) -> None:
        metadata = manifest["metadata"]
        write = _write(kind, manifest, live)
        force = {"force": "true"} if write.content_type == APPLY else {}
        try:
            answer = await self._client.request(
                write.method,
                kind.path(metadata["namespace"], write.name),
                query={"fieldManager": FIELD_MANAGER, **force},
                body=write.body,
                content_type=write.content_type,
            )
        except ApiError as error:
            # An apply to what has gone is a conflict, too.
            gone = error.is_not_found and write.content_type == MERGE
            if not error.is_conflict and not gone:
                raise
            if live is None:
                await self._tell_ours_from_others(kind, metadata)
            raise StaleReadError(f"{kind.name} {metadata['name']}") from None
        self._store.put(kind, answer)
        self._written(kind)

    async def _tell_ours_from_others(self, kind: Kind, metadata: Object) -> None:
        """Read what a create has met: take in an object of ours, else tell whose it is.

        Raises NameHeldError, ApiError.
        """
        found = await self.read(kind, metadata["namespace"], metadata["name"])
        if found is None:
            return
        owners = metadata["ownerReferences"]
        if not any(is_controlled_by(found, owner["uid"]) for owner in owners):
            raise self._not_ours(kind, found)
        self._store.put(kind, found)

    def _not_ours(self, kind: Kind, found: Object) -> NameHeldError:
        """Which error tells whose it is: somebody's, or left of a deleted HeadlessCMS."""
        metadata = found["metadata"]
        owners = metadata.get("ownerReferences") or []
        if metadata.get("deletionTimestamp") or any(
            owner["kind"] == HEADLESS_CMS.name and not self._lives(metadata["namespace"], owner)
            for owner in owners
        ):
            return StillEndingError(kind.name, metadata["name"], metadata.get("finalizers") or ())
        return NameTakenError(kind.name, metadata["name"])

    def _lives(self, namespace: str, owner: Object) -> bool:
        found = self._store.get(HEADLESS_CMS, namespace, owner["name"])
        return found is not None and found["metadata"]["uid"] == owner["uid"]

    async def read(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """One live read: before an act that cannot be taken back, and for source Secrets."""
        try:
            answer: Object = await self._client.request("GET", kind.path(namespace, name))
        except ApiError as error:
            if error.is_not_found:
                return None
            raise
        return answer

    async def list(self, kind: Kind, namespace: str, selector: str) -> list[Object]:
        """A live list of what a label selects, at most 500 objects."""
        answer = await self._client.request(
            "GET", kind.path(namespace), query={"labelSelector": selector, "limit": "500"}
        )
        items: list[Object] = answer["items"]
        return items

    async def delete(self, kind: Kind, found: Object) -> None:
        """Delete just the object that was seen. Raises StaleReadError, ApiError."""
        metadata = found["metadata"]
        try:
            await self._client.request(
                "DELETE",
                kind.path(metadata["namespace"], metadata["name"]),
                body={
                    "apiVersion": "v1",
                    "kind": "DeleteOptions",
                    "propagationPolicy": "Background",
                    "preconditions": {
                        "uid": metadata["uid"],
                        "resourceVersion": metadata["resourceVersion"],
                    },
                },
            )
        except ApiError as error:
            if error.is_conflict:
                raise StaleReadError(f"{kind.name} {metadata['name']}") from None
            if not error.is_not_found:
                raise
        self._store.discard(kind, found)

    async def own(self, kind: Kind, found: Object, owner: Object) -> None:
        """Add an owner to just the object that was seen, and nothing else.

        No apply: that would give up all other fields. Raises StaleReadError, ApiError.
        """
        metadata = found["metadata"]
        guard = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        owners = [*(metadata.get("ownerReferences") or ()), owner]
        try:
            answer = await self._client.request(
                "PATCH",
                kind.path(metadata["namespace"], metadata["name"]),
                query={"fieldManager": FIELD_MANAGER},
                body={"metadata": {**guard, "ownerReferences": owners}},
                content_type=MERGE,
            )
        except ApiError as error:
            if error.is_conflict or error.is_not_found:
                raise StaleReadError(f"{kind.name} {metadata['name']}") from None
            raise
        self._store.put(kind, answer)
        self._written(kind)
