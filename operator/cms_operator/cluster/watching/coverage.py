"""Which namespaces are known as a whole, so that their objects may be worked on."""

from collections.abc import Callable, Iterable

from cms_operator.cluster.kinds import Kind

# A namespace, or None for all of the cluster.
Space = str | None


class Coverage:
    """Counts the first good list of each kind in each namespace.

    Where one of them is missing its children would be taken for gone, and made once more: whoever
    may not read them all must not act. What was listed once the watches keep. `whole` is told of a
    namespace when nothing of it is missing any more.
    """

    def __init__(
        self, spaces: Iterable[Space], kinds: Iterable[Kind], whole: Callable[[Space], None]
    ) -> None:
        wanted = frozenset(kinds)
        self._missing = {space: set(wanted) for space in spaces}
        self._whole = whole

    def listed(self, kind: Kind, space: Space) -> None:
        missing = self._missing[space]
        if kind in missing:
            missing.remove(kind)
            if not missing:
                self._whole(space)

    def covers(self, namespace: str) -> bool:
        """Whether objects of this namespace may be worked on."""
        space = namespace if namespace in self._missing else None
        return not self._missing.get(space, {space})
