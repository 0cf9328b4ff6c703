"""Which children were found right, so that only what has changed since is compared again."""

from typing import Any

from cms_operator.cluster.keys import Key
from cms_operator.recent import Recent

_MOST = 100

Name = tuple[str, str]


class Verified:
    """The versions of children that said what was asked for, of those looked at last."""

    def __init__(self) -> None:
        self._found: Recent[Key, tuple[tuple[Any, ...], dict[Name, str]]] = Recent(_MOST)

    def of(self, key: Key, asked: tuple[Any, ...]) -> dict[Name, str]:
        """The verified children by kind and name; none where something else was asked for before.

        `asked` is all that the wanted children are made from. Any news of a child is of another
        version.
        """
        known = self._found.get(key)
        if known is None or known[0] != asked:
            known = (asked, dict[Name, str]())
            self._found.put(key, known)
        return known[1]

    def forget(self, key: Key) -> None:
        self._found.forget(key)
