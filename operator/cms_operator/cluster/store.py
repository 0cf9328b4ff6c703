"""Trimmed copies of the objects that the watches bring.

The answer of each own write is folded in at once, so that a reconcile reads
no object from the server and never acts on what it has itself changed.

A copy is kept as JSON, a quarter of the memory of what Python makes of it or, if it
is long and compressed, a tenth, and opened when it is asked for. Those that were
asked for last stay open.
"""

import zlib
from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from cms_operator.api.objects import Object
from cms_operator.cluster.kinds import HEADLESS_CMS, POD, Kind
from cms_operator.cluster.trimming import owner_of, trim
from cms_operator.recent import Recent
from cms_operator.resources import labels

_MOST_GONE = 10_000
# Objects of some sixty HeadlessCMS, 8 KB each.
_MOST_OPEN = 1_000
# From so many bytes on it is worth the time to compress them, to a third.
_LONG = 2_000


class TurnedBackError(Exception):
    """The server knows less than it did: its database was restored.

    What is known of its objects is then of a past that never was, and no version tells so.
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__(
            f"the API server's {kind.plural} are older than what it has shown before, as after a "
            "restore of etcd; the operator ends, to begin anew with what there is"
        )


class Key(NamedTuple):
    """Names a HeadlessCMS."""

    namespace: str
    name: str


class Ref(NamedTuple):
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class _Kept:
    version: int
    uid: str
    parent: Key | None
    text: bytes


class Store:
    """Objects by kind and name, and those around each HeadlessCMS.

    A child belongs to its owner, whatever its labels say; pods and slices,
    whose owners are other children, are found by their instance label.
    """

    def __init__(self) -> None:
        self._objects: dict[Ref, _Kept] = {}
        self._open: Recent[Ref, Object] = Recent(_MOST_OPEN)
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._heard: dict[tuple[str, str | None], int] = {}
        self._children: defaultdict[Key, dict[Ref, None]] = defaultdict(dict)

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return self._opened(Ref(kind.name, namespace, name))

    def children(self, key: Key) -> Iterator[tuple[str, Object]]:
        """Yield (kind name, object) of all that `key` owns, or that carries its instance label."""
        for ref in tuple(self._children.get(key, ())):
            if found := self._opened(ref):
                yield ref.kind, found

    def of_kind(self, kind: Kind) -> Iterator[Object]:
        """Open all of a kind, one after the other, and keep none of them open."""
        for ref in self._refs(kind, None):
            if kept := self._objects.get(ref):
                yield _unpacked(kept.text)

    def parents(self, namespace: str | None = None) -> list[Key]:
        """Every HeadlessCMS of a namespace, or of all."""
        return [Key(ref.namespace, ref.name) for ref in self._refs(HEADLESS_CMS, namespace)]

    def _refs(self, kind: Kind, namespace: str | None) -> list[Ref]:
        return [
            ref
            for ref in self._objects
            if ref.kind == kind.name and namespace in (None, ref.namespace)
        ]

    def _opened(self, ref: Ref) -> Object | None:
        kept = self._objects.get(ref)
        if kept is None:
            return None
        found = self._open.get(ref)
        if found is None:
            found = _unpacked(kept.text)
            self._open.put(ref, found)
        return found

    def hear(self, kind: Kind, namespace: str | None, version: int) -> None:
        """Note the version that a list or a watch has reached, whatever it shows of the kind."""
        place = kind.name, namespace
        self._heard[place] = max(self._heard.get(place, 0), version)

    def newest(self, kind: Kind, namespace: str | None) -> int:
        """The highest version that was heard of, or that an object of the kind has."""
        versions = (self._objects[ref].version for ref in self._refs(kind, namespace))
        return max(self._heard.get((kind.name, namespace), 0), max(versions, default=0))

    def is_ahead(self, kind: Kind, listed: Object, version: int) -> bool:
        """Whether it is newer here, or gone, although a list of `version` had to show it so."""
        kept = self._objects.get(ref_of(kind, listed))
        known = max(self._gone.get(listed["metadata"]["uid"], 0), kept.version if kept else 0)
        return _version(listed) < known <= version

    def put(self, kind: Kind, found: Object) -> bool:
        """Keep an object; False where the copy that is there is as new or newer."""
        ref = ref_of(kind, found)
        kept, version, uid = self._objects.get(ref), _version(found), found["metadata"]["uid"]
        if kept is not None and kept.version >= version:
            return False
        if version < self._gone.get(uid, 0):
            return False
        known = self._opened(ref)
        trimmed, parent = trim(kind, found), _parent(kind, found)
        if kept is not None and kept.parent != parent:
            self._unlink(ref, kept)
        self._objects[ref] = _Kept(version, uid, parent, _packed(trimmed))
        self._open.put(ref, trimmed)
        if parent is not None:
            self._children[parent][ref] = None
        return known is None or _meaning(kind, known) != _meaning(kind, trimmed)

    def discard(self, kind: Kind, gone: Object) -> bool:
        """Forget a deleted object, unless a newer one has taken its name.

        News of it that is older than its end and comes late brings it back no more.
        """
        self._remember_end(gone["metadata"]["uid"], _version(gone))
        return self._forget(ref_of(kind, gone), gone["metadata"]["uid"])

    def _forget(self, ref: Ref, uid: str) -> bool:
        kept = self._objects.get(ref)
        if kept is None or kept.uid != uid:
            return False
        self._unlink(ref, kept)
        del self._objects[ref]
        self._open.forget(ref)
        return True

    def keep_only(
        self, kind: Kind, namespace: str | None, listed: Collection[Ref], version: int
    ) -> set[Key]:
        """Forget what a list of that version lacks; return the keys of whom that concerns."""
        dropped = (self._drop(kind, ref) for ref in self.lacking(kind, namespace, listed, version))
        return {key for keys in dropped for key in keys}

    def lacking(
        self, kind: Kind, namespace: str | None, listed: Collection[Ref], version: int
    ) -> list[Ref]:
        """What a list of that version would show if it still existed."""
        return [
            ref
            for ref in self._refs(kind, namespace)
            if ref not in listed and self._objects[ref].version <= version
        ]

    def drop(self, kind: Kind, namespace: str | None) -> set[Key]:
        """Forget a kind that the cluster no longer has; return the keys whose objects went."""
        dropped = (self._drop(kind, ref) for ref in self._refs(kind, namespace))
        return {key for keys in dropped for key in keys}

    def _drop(self, kind: Kind, ref: Ref) -> set[Key]:
        """Forget an object that is no longer there; return whom that concerns."""
        kept = self._objects[ref]
        self._remember_end(kept.uid, kept.version)
        self._forget(ref, kept.uid)
        key = Key(ref.namespace, ref.name) if kind is HEADLESS_CMS else kept.parent
        return {key} if key else set()

    def _remember_end(self, uid: str, version: int) -> None:
        self._gone[uid] = version
        if len(self._gone) > _MOST_GONE:
            self._gone.popitem(last=False)

    def _unlink(self, ref: Ref, kept: _Kept) -> None:
        if kept.parent is None:
            return
        self._children[kept.parent].pop(ref, None)
        if not self._children[kept.parent]:
            del self._children[kept.parent]


def _packed(found: Object) -> bytes:
    text = orjson.dumps(found)
    if len(text) >= _LONG:
        return zlib.compress(text, level=1)
    # A copy of just its length: what orjson itself returns takes 8 KB at least.
    return bytes(memoryview(text))


def _unpacked(text: bytes) -> Object:
    plain = text.startswith(b"{")
    found: Object = orjson.loads(text if plain else zlib.decompress(text))
    return found


def ref_of(kind: Kind, found: Object) -> Ref:
    metadata = found["metadata"]
    return Ref(kind.name, metadata["namespace"], metadata["name"])


def key_of(kind: Kind, found: Object) -> Key | None:
    """The HeadlessCMS that an object is, or belongs to."""
    if kind is HEADLESS_CMS:
        return Key(found["metadata"]["namespace"], found["metadata"]["name"])
    return _parent(kind, found)


def _meaning(kind: Kind, found: Object) -> Object:
    """What a reconcile would read of an object, without what changes at each write."""
    metadata = {
        k: v
        for k, v in found["metadata"].items()
        if k not in ("resourceVersion", "generation" if kind is POD else "")
    }
    return {**found, "metadata": metadata}


def _parent(kind: Kind, found: Object) -> Key | None:
    """The owner counts first: somebody may have taken away the labels."""
    if kind is HEADLESS_CMS:
        return None
    metadata = found["metadata"]
    name = owner_of(metadata) or (metadata.get("labels") or {}).get(labels.INSTANCE)
    return Key(metadata["namespace"], name) if name else None


def _version(found: Object) -> int:
    """Order two versions of one object (KEP-5504 makes resourceVersions comparable)."""
    return int(found["metadata"].get("resourceVersion") or 0)
