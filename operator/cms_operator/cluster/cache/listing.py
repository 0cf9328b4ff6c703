"""Takes a list, page by page, as the truth of its version."""

from collections.abc import Iterable, Iterator

from cms_operator.api.objects import Object
from cms_operator.cluster.cache.store import Store, TurnedBackError
from cms_operator.cluster.keys import Key, Ref, key_of, ref_of
from cms_operator.cluster.kinds import Kind


class Listing:
    """One list of a kind, made before the list is asked for.

    It finds events that were missed, deletions above all. What is newer than the list, such as an
    own write since, stays. `changed` are the keys of those that differed. A list that names no
    version is answered from a majority of etcd: it is older than what was heard before only where
    etcd was restored.
    """

    def __init__(self, store: Store, kind: Kind, namespace: str | None) -> None:
        self._store = store
        self._kind = kind
        self._namespace = namespace
        self._newest = store.newest(kind, namespace)
        self._listed: set[Ref] = set()
        self.changed: set[Key] = set()

    def take(self, page: Iterable[Object], version: int) -> None:
        """Take in a page; all pages have the same version. Raises TurnedBackError."""
        for found in self.seen(page, version):
            if self._store.put(self._kind, found) and (key := key_of(self._kind, found)):
                self.changed.add(key)

    def end(self, version: int) -> None:
        self.changed |= self._store.keep_only(self._kind, self._namespace, self._listed, version)

    def seen(self, page: Iterable[Object], version: int) -> Iterator[Object]:
        """Yield a page's objects and note only that they exist. Raises TurnedBackError."""
        if version < self._newest:
            raise TurnedBackError(self._kind)
        for found in page:
            if self._store.is_ahead(self._kind, found, version):
                raise TurnedBackError(self._kind)
            self._listed.add(ref_of(self._kind, found))
            yield found
        self._store.hear(self._kind, self._namespace, version)

    def gone(self, version: int) -> list[Object]:
        """The objects that `end` would forget."""
        refs = self._store.absent_from_list(self._kind, self._namespace, self._listed, version)
        kept = (self._store.get(self._kind, ref.namespace, ref.name) for ref in refs)
        return [found for found in kept if found is not None]
