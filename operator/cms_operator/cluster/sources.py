"""The Secrets that users name in a spec: read by name, never listed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from cms_operator.cluster.apply import Applier
from cms_operator.cluster.kinds import SECRET
from cms_operator.cluster.store import Key, Store
from cms_operator.resources.secret_data import decode_bytes

Values = Mapping[str, bytes]


class SourceSecrets:
    """Keeps what was read until expire(): a change is seen at the next resync.

    A Secret with the label headlesscms.io/watch=true is in the store, and a
    change of it is seen at once. One that is missing is asked for each time.
    """

    def __init__(self, applier: Applier, store: Store) -> None:
        self._applier = applier
        self._store = store
        self._values: dict[tuple[str, str], Values] = {}
        self._readers: defaultdict[tuple[str, str], set[Key]] = defaultdict(set)
        self._named: dict[Key, frozenset[str]] = {}

    async def read(
        self, key: Key, names: Iterable[str], *, live: bool = False
    ) -> dict[str, Values | None]:
        """The decoded values of each Secret; None for one that does not exist.

        `live` trusts no copy, of which a watch may have brought no news yet. Raises ApiError.
        """
        wanted = frozenset(names)
        self._remember(key, wanted)
        return {name: await self._one(key.namespace, name, live=live) for name in sorted(wanted)}

    def readers_of(self, namespace: str, name: str) -> set[Key]:
        return set(self._readers.get((namespace, name), ()))

    def forget(self, key: Key) -> None:
        self._remember(key, frozenset())
        self._named.pop(key, None)

    def expire(self) -> None:
        self._values.clear()

    def expire_of(self, key: Key) -> None:
        """Read this one's Secrets again next time: something in them has to be mended."""
        for name in self._named.get(key, ()):
            self._values.pop((key.namespace, name), None)

    async def _one(self, namespace: str, name: str, *, live: bool) -> Values | None:
        place = (namespace, name)
        if live:
            found = await self._applier.read(SECRET, namespace, name)
            return None if found is None else decode_bytes(found)
        watched = self._store.get(SECRET, namespace, name)
        if watched is not None:
            self._values.pop(place, None)  # it was read before it had the label
            return decode_bytes(watched)
        if place not in self._values:
            found = await self._applier.read(SECRET, namespace, name)
            if found is None:
                return None
            self._values[place] = decode_bytes(found)
        return self._values[place]

    def _remember(self, key: Key, names: frozenset[str]) -> None:
        before = self._named.get(key, frozenset())
        self._named[key] = names
        for name in before - names:
            place = (key.namespace, name)
            self._readers[place].discard(key)
            if not self._readers[place]:
                del self._readers[place]
                self._values.pop(place, None)
        for name in names - before:
            self._readers[key.namespace, name].add(key)
