"""Every HeadlessCMS as metrics, made when Prometheus asks and forgotten afterwards.

A series goes with its object, and between two scrapes nothing is kept or computed. The text is
made here: the client library's takes three times as long, and all objects at once.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from cms_operator.api.objects import Object
from cms_operator.observability.families import FAMILIES, NAMED, MetricFamily

FAILURES = "hcms_operator_reconcile_failures"
_FAILURES_HELP = "Reconciles of it that have failed in a row; absent where none has."
_OBJECTS_A_TURN = 25
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Fleet:
    """`objects` are gone through once, one after the other. `failures` holds, by namespace and
    name, how many reconciles have failed in a row.
    """

    def __init__(
        self, objects: Iterable[Object], failures: Iterable[tuple[tuple[str, str], int]] = ()
    ) -> None:
        self._objects = objects
        self._failures = failures

    def text(self, names: Collection[str] = ()) -> Iterator[bytes]:
        """All metrics, or those of the given names, in Prometheus' text format.

        It comes in pieces, most of them empty: between two others may have their turn.
        """
        families = [found for found in FAMILIES if not names or found.name in names]
        bodies = {family.name: bytearray() for family in families}
        for objects in _batches(self._objects if families else ()):
            for family in families:
                bodies[family.name] += "".join(_lines(family, objects)).encode()
            yield b""
        for family in families:
            yield _head(family.name, family.help).encode() + bodies.pop(family.name)
        if not names or FAILURES in names:
            lines = (_line(FAILURES, NAMED, key, count) for key, count in self._failures)
            yield (_head(FAILURES, _FAILURES_HELP) + "".join(lines)).encode()


def _batches(objects: Iterable[Object]) -> Iterator[list[Object]]:
    left = iter(objects)
    while batch := [*islice(left, _OBJECTS_A_TURN)]:
        yield batch


def _lines(family: MetricFamily, objects: Sequence[Object]) -> Iterator[str]:
    labels = (*NAMED, *family.labels)
    for found in objects:
        named = (found["metadata"]["namespace"], found["metadata"]["name"])
        for values, value in family.read(found):
            yield _line(family.name, labels, (*named, *values), value)


def _head(name: str, text: str) -> str:
    return f"# HELP {name} {text}\n# TYPE {name} gauge\n"


def _line(name: str, labels: Sequence[str], values: Sequence[str], value: float) -> str:
    pairs = zip(labels, values, strict=True)
    inside = ",".join([f'{label}="{text.translate(_ESCAPED)}"' for label, text in pairs])
    return f"{name}{{{inside}}} {value!r}\n"
