"""The Secrets that users name in a spec: read by name, never listed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from cms_operator.cluster.apply import Applier
from cms_operator.cluster.client import ApiError
from cms_operator.cluster.kinds import SECRET
from cms_operator.cluster.store import Key, Store
from cms_operator.resources.secret_data import decode_bytes

Values = Mapping[str, bytes]


class SourceSecrets:
    """Keeps what was read until expire(): a change is seen at the next resync.

    A Secret with the label headlesscms.io/watch=true is in the store, and a
    change of it is seen at once. One that is missing is asked for each time.
    What a server that is unwell does not tell is as it was last.
    """

    def __init__(self, applier: Applier, store: Store) -> None:
        self._applier = applier
        self._store = store
        self._values: dict[tuple[str, str], Values] = {}
        self._fresh: set[tuple[str, str]] = set()
        self._late: set[tuple[str, str]] = set()
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

    def is_late(self, key: Key) -> bool:
        """Could one of its Secrets not be read when it was to be, and is as it was before?"""
        return any((key.namespace, name) in self._late for name in self._named.get(key, ()))

    def readers_of(self, namespace: str, name: str) -> set[Key]:
        return set(self._readers.get((namespace, name), ()))

    def forget(self, key: Key) -> None:
        self._remember(key, frozenset())
        self._named.pop(key, None)

    def expire(self) -> None:
        self._fresh.clear()

    def expire_of(self, key: Key) -> None:
        """Read this one's Secrets again next time: something in them has to be mended."""
        for name in self._named.get(key, ()):
            self._fresh.discard((key.namespace, name))

    async def _one(self, namespace: str, name: str, *, live: bool) -> Values | None:
        place = (namespace, name)
        if live:
            found = await self._applier.read(SECRET, namespace, name)
            return None if found is None else decode_bytes(found)
        watched = self._store.get(SECRET, namespace, name)
        if watched is not None:
            self._drop(place)  # it was read before it had the label
            return decode_bytes(watched)
        return self._values[place] if place in self._fresh else await self._renew(place)

    async def _renew(self, place: tuple[str, str]) -> Values | None:
        try:
            found = await self._applier.read(SECRET, *place)
        except ApiError as error:
            if not error.is_passing or place not in self._values:
                raise
            self._late.add(place)
            return self._values[place]
        self._drop(place)
        if found is None:
            return None
        self._fresh.add(place)
        self._values[place] = decode_bytes(found)
        return self._values[place]

    def _drop(self, place: tuple[str, str]) -> None:
        self._values.pop(place, None)
        self._fresh.discard(place)
        self._late.discard(place)

    def _remember(self, key: Key, names: frozenset[str]) -> None:
        before = self._named.get(key, frozenset())
        self._named[key] = names
        for name in before - names:
            place = (key.namespace, name)
            self._readers[place].discard(key)
            if not self._readers[place]:
                del self._readers[place]
                self._drop(place)
        for name in names - before:
            self._readers[key.namespace, name].add(key)
