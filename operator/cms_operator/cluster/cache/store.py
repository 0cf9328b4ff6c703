"""Trimmed copies of the objects that the watches bring.

The answer of each own write is folded in at once, so that a reconcile reads
no object from the server and never acts on what it has itself changed.

A copy is opened when it is asked for. Those that were asked for last stay open.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import orjson

from cms_operator.api.objects import Object
from cms_operator.cluster.belonging import owner_of
from cms_operator.cluster.cache.packing import packed, text_of, unpacked
from cms_operator.cluster.cache.trimming import trim, without_content
from cms_operator.cluster.keys import Key, Ref, parent_of, ref_of
from cms_operator.cluster.kinds import BY_NAME, HEADLESS_CMS, POD, Kind
from cms_operator.recent import Recent
from cms_operator.resources.child_names import is_childs

_MOST_GONE = 10_000
# Objects of some sixty HeadlessCMS, 8 KB each.
_MOST_OPEN = 1_000
# Bytes of JSON, which may be little of text and four times as much of numbers and short words.
_MOST_OPEN_BYTES = 16 * 2**20
# Bytes of JSON of all children of one HeadlessCMS, which a pass opens all at once. Ten revisions of
# a spec with a hundred variables of 8 KB have less.
MOST_BYTES_OF_ONE = 16 * 2**20
# Bytes, as they are kept, of what came before its HeadlessCMS, of some five hundred at once. What
# is more than that is read again.
MOST_EARLY_BYTES = 8 * 2**20


class TurnedBackError(Exception):
    """The server knows less than it did: its database was restored.

    What is known of its objects is then of a past that never was, and no version tells so.
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__(
            f"the API server's {kind.plural} are older than what it has shown before, as after a "
            "restore of etcd; the operator ends, to begin anew with what there is"
        )


@dataclass(frozen=True, slots=True)
class _Kept:
    """`weight` is the bytes of JSON of what may be a child, by its name and the owner that it
    names; `whole` tells that the text is of all of it, and not of its metadata alone.
    """

    version: int
    uid: str
    parent: Key | None
    text: bytes
    weight: int = 0
    whole: bool = False

    @property
    def content(self) -> int:
        """Bytes of JSON that can be opened."""
        return self.weight if self.whole else 0

    @property
    def lacks_content(self) -> bool:
        return bool(self.weight) and not self.whole

    def is_as_new_as(self, version: int) -> bool:
        """Whether there is nothing newer there, nor content that was left out here."""
        return self.version > version or (self.version == version and not self.lacks_content)


class Store:
    """Objects by kind and name, and those around each HeadlessCMS.

    A child belongs to its owner, whatever its labels say; pods and slices,
    whose owners are other children, are found by their instance label.

    Its content is kept where the HeadlessCMS that it names as its owner is here with that uid, it
    has a child's name, and all children of that one are no more than MOST_BYTES_OF_ONE. What comes
    before its owner, as each kind is watched apart, waits for it; of what was too much for that
    `children_without_content` tells.
    """

    def __init__(self) -> None:
        self._objects: dict[Ref, _Kept] = {}
        self._open: Recent[Ref, Object] = Recent(_MOST_OPEN, _MOST_OPEN_BYTES)
        self._early: Recent[Ref, bytes] = Recent(_MOST_GONE, MOST_EARLY_BYTES)
        self._weights: defaultdict[Key, int] = defaultdict(int)
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._heard: dict[tuple[str, str | None], int] = {}
        self._children: defaultdict[Key, dict[Ref, None]] = defaultdict(dict)

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return self._opened(Ref(kind.name, namespace, name))

    def children(self, key: Key, *kinds: Kind) -> Iterator[tuple[str, Object]]:
        """Yield (kind name, object) of all that `key` owns, or that carries its instance label, or
        of those of some kinds, and open no others.
        """
        wanted = {kind.name for kind in kinds}
        for ref in tuple(self._children.get(key, ())):
            if (not wanted or ref.kind in wanted) and (found := self._opened(ref)):
                yield ref.kind, found

    def of_kind(self, kind: Kind) -> Iterator[Object]:
        """Open all of a kind, one after the other, and keep none of them open."""
        for ref in self._refs(kind, None):
            if kept := self._objects.get(ref):
                yield unpacked(kept.text)

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
            text = text_of(kept.text)
            found = orjson.loads(text)
            self._open.put(ref, found, len(text))
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
        if kept is not None and kept.is_as_new_as(version):
            return False
        if version < self._gone.get(uid, 0):
            return False
        known = self._opened(ref)
        is_another = kind is HEADLESS_CMS and (kept is None or kept.uid != uid)
        if is_another:
            self._drop_contents(Key(ref.namespace, ref.name))
        new, trimmed, size = self._trimmed(kind, found, kept)
        if kept is not None:
            self._unlink(ref, kept)
        self._objects[ref] = new
        self._open.put(ref, trimmed, size)
        self._link(ref, new)
        if new.parent and new.lacks_content and not self._owns(new.parent, found):
            text, _ = packed(trim(kind, found))
            self._early.put(ref, text, len(text))
        if is_another:
            self._take_early(Key(ref.namespace, ref.name))
        return known is None or _meaning(kind, known) != _meaning(kind, trimmed)

    def _trimmed(
        self, kind: Kind, found: Object, replaced: _Kept | None
    ) -> tuple[_Kept, Object, int]:
        """What is kept, as it is open, and the size of that in bytes of JSON."""
        version, uid, parent = _version(found), found["metadata"]["uid"], parent_of(kind, found)
        weight = 0
        if not kind.writable or _may_be_child(kind, found):
            trimmed = trim(kind, found)
            text, size = packed(trimmed)
            weight = size if kind.writable else 0
            freed = replaced.content if replaced and replaced.parent == parent else 0
            if not weight or (
                parent and self._owns(parent, found) and weight <= self._room(parent) + freed
            ):
                return _Kept(version, uid, parent, text, weight, whole=True), trimmed, size
        trimmed = without_content(kind, found)
        text, size = packed(trimmed)
        return _Kept(version, uid, parent, text, weight), trimmed, size

    def _owns(self, key: Key, child: Object) -> bool:
        owner, known = owner_of(child["metadata"]), self._objects.get(Ref(HEADLESS_CMS.name, *key))
        return owner is not None and known is not None and owner.uid == known.uid

    def _room(self, key: Key) -> int:
        return MOST_BYTES_OF_ONE - self._weights.get(key, 0)

    def children_without_content(self, key: Key) -> tuple[list[Ref], list[Ref]]:
        """Children of which no more is known than that they are there: those that have to be read,
        and those that there is no room for beside them.
        """
        to_read: list[Ref] = []
        left_out: list[Ref] = []
        room = self._room(key)
        for ref in self._children.get(key, ()):
            kept = self._objects[ref]
            if not kept.lacks_content or not self._owns(key, unpacked(kept.text)):
                continue
            if kept.weight <= room:
                room -= kept.weight
                to_read.append(ref)
            else:
                left_out.append(ref)
        return to_read, left_out

    def _take_early(self, key: Key) -> None:
        for ref in tuple(self._children.get(key, ())):
            if text := self._early.get(ref):
                self.put(BY_NAME[ref.kind], unpacked(text))

    def _drop_contents(self, key: Key) -> None:
        """Its HeadlessCMS has gone, and nothing of it is a child any more."""
        for ref in self._children.get(key, ()):
            kept = self._objects[ref]
            if kept.content:
                self._weights[key] -= kept.content
                text, _ = packed(without_content(BY_NAME[ref.kind], unpacked(kept.text)))
                self._objects[ref] = replace(kept, text=text, whole=False)
                self._open.forget(ref)

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
        if ref.kind == HEADLESS_CMS.name:
            self._drop_contents(Key(ref.namespace, ref.name))
        return True

    def keep_only(
        self, kind: Kind, namespace: str | None, listed: Collection[Ref], version: int
    ) -> set[Key]:
        """Forget what a list of that version lacks; return the keys of whom that concerns."""
        dropped = (
            self._remove(kind, ref)
            for ref in self.absent_from_list(kind, namespace, listed, version)
        )
        return {key for keys in dropped for key in keys}

    def absent_from_list(
        self, kind: Kind, namespace: str | None, listed: Collection[Ref], version: int
    ) -> list[Ref]:
        """What a list of that version would show if it still existed."""
        return [
            ref
            for ref in self._refs(kind, namespace)
            if ref not in listed and self._objects[ref].version <= version
        ]

    def forget_kind(self, kind: Kind, namespace: str | None) -> set[Key]:
        """Forget a kind that the cluster no longer has; return the keys whose objects went."""
        dropped = (self._remove(kind, ref) for ref in self._refs(kind, namespace))
        return {key for keys in dropped for key in keys}

    def _remove(self, kind: Kind, ref: Ref) -> set[Key]:
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

    def _link(self, ref: Ref, kept: _Kept) -> None:
        if kept.parent is None:
            return
        self._children[kept.parent][ref] = None
        if kept.content:
            self._weights[kept.parent] += kept.content

    def _unlink(self, ref: Ref, kept: _Kept) -> None:
        self._early.forget(ref)
        if kept.parent is None:
            return
        if kept.content:
            self._weights[kept.parent] -= kept.content
        self._children[kept.parent].pop(ref, None)
        if not self._children[kept.parent]:
            del self._children[kept.parent]
            self._weights.pop(kept.parent, None)


def _may_be_child(kind: Kind, found: Object) -> bool:
    owner = owner_of(found["metadata"])
    return owner is not None and is_childs(owner.name, kind.name, found["metadata"]["name"])


def _meaning(kind: Kind, found: Object) -> Object:
    """What a reconcile would read of an object, without what changes at each write."""
    metadata = {
        k: v
        for k, v in found["metadata"].items()
        if k not in ("resourceVersion", "generation" if kind is POD else "")
    }
    return {**found, "metadata": metadata}


def _version(found: Object) -> int:
    """Order two versions of one object (KEP-5504 makes resourceVersions comparable)."""
    return int(found["metadata"].get("resourceVersion") or 0)
