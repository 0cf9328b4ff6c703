"""What a HeadlessCMS and its Secrets come to, worked out once for as long as both stay the same.

A rollout looks at one some thirty times, at each pod that comes or goes, and mostly at the same
spec.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cms_operator.api import HeadlessCMS, parse
from cms_operator.api.objects import Object
from cms_operator.cluster.keys import Key
from cms_operator.recent import Recent
from cms_operator.resources.revision import Revision, build_revision, name_of
from cms_operator.resources.sources.sources import Sources, Values, read_sources

# 20 KB each.
_MOST = 100
_METADATA = ("name", "namespace", "uid", "generation", "annotations")


@dataclass(slots=True)
class ParsedResource:
    """A parsed HeadlessCMS and what follows from it; ask for `sources` first."""

    hcms: HeadlessCMS
    _asked: Object
    _metadata: tuple[Any, ...]
    _values: Mapping[str, Values | None] = field(default_factory=dict)
    _sources: Sources | None = None
    _names: dict[str | None, str] = field(default_factory=dict)
    _revision: tuple[str | None, Revision] | None = None

    def is_of(self, parent: Object) -> bool:
        return self._metadata == _metadata_of(parent) and self._asked == parent["spec"]

    def sources(self, values: Mapping[str, Values | None]) -> Sources:
        """Raises SourceError."""
        if self._sources is None or self._values != values:
            self._names, self._revision, self._sources = {}, None, None
            self._values = values
            self._sources = read_sources(self.hcms.spec, values)
        return self._sources

    def name_of(self, sources: Sources, restart: str | None) -> str:
        """The name of the revision that the spec and this `restart` ask for."""
        if restart not in self._names:
            self._names = {name: known for name, known in self._names.items() if name is None}
            self._names[restart] = name_of(self.hcms.spec, sources, restart)
        return self._names[restart]

    def revision(self, sources: Sources, restart: str | None) -> Revision:
        if self._revision is None or self._revision[0] != restart:
            self._revision = restart, build_revision(self.hcms, sources, restart)
        return self._revision[1]


class ParsedResources:
    """Those of the objects looked at last."""

    def __init__(self) -> None:
        self._parsed: Recent[Key, ParsedResource] = Recent(_MOST)

    def read(self, key: Key, parent: Object) -> ParsedResource:
        """Raises InvalidSpec."""
        found = self._parsed.get(key)
        if found is None or not found.is_of(parent):
            hcms = parse({**parent, "status": {}})
            found = ParsedResource(hcms, parent["spec"], _metadata_of(parent))
            self._parsed.put(key, found)
        return found

    def forget(self, key: Key) -> None:
        self._parsed.forget(key)


def _metadata_of(parent: Object) -> tuple[Any, ...]:
    return tuple(parent["metadata"].get(name) for name in _METADATA)
