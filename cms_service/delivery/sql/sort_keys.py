"""The SQL of a list's order, and of going on after a place in it. Pure."""

from collections.abc import Callable, Sequence

from cms_service.delivery.query.attributes import Column, ValueKind
from cms_service.delivery.query.plan import SortKey
from cms_service.delivery.sql.parameters import Given, Parameters
from cms_service.delivery.sql.stored_values import CASTS, comparable


class SortKeys:
    """What a list is sorted by; the entry's id is the last, for two to be never equal. Entries
    without a value come last in either direction.
    """

    def __init__(self, keys: Sequence[SortKey], parameters: Parameters) -> None:
        self._keys = keys
        self._parameters = parameters
        self._expressions = [comparable(key.attribute, parameters) for key in keys]
        self._expressions.append("p.entry_id")
        self._descending = [*(key.descending for key in keys), keys[-1].descending]

    def use_index(self) -> None:
        """Order by the value index's own published_at: its rows already come in that order, so
        nothing is sorted.
        """
        if self._is_by_time:
            self._expressions = ["i.published_at", "i.entry_id"]

    @property
    def _is_by_time(self) -> bool:
        return [key.attribute.column for key in self._keys] == [Column.PUBLISHED_AT]

    @property
    def columns(self) -> str:
        return ", ".join(f"{text} AS key_{n}" for n, text in enumerate(self._expressions))

    @property
    def names(self) -> str:
        return ", ".join(f"q.key_{n}" for n in range(len(self._expressions)))

    @property
    def place(self) -> str:
        *keys, entry_id = [f"p.key_{number}" for number in range(len(self._expressions))]
        texts = (
            f"cms.iso_time({text})" if key.attribute.kind is ValueKind.MOMENT else f"{text}::text"
            for text, key in zip(keys, self._keys, strict=True)
        )
        return ", ".join((*texts, f"{entry_id}::text"))

    def order(self, name: str = "") -> str:
        """The columns of an ORDER BY, named by `name` with their number; without it, their
        expressions.
        """
        return ", ".join(
            (name.format(number) if name else text) + self._direction(number)
            for number, text in enumerate(self._expressions)
        )

    def _direction(self, number: int) -> str:
        direction = " DESC" if self._descending[number] else " ASC"
        return direction + (" NULLS LAST" if self._may_be_absent(number) else "")

    def _may_be_absent(self, number: int) -> bool:
        if number == len(self._keys):
            return False
        return self._keys[number].attribute.column not in {
            Column.ID,
            Column.PUBLISHED_AT,
            Column.RANK,
        }

    def after(self) -> str:
        values = [
            f"({self._parameters.later(_in_place(number), 'text')})::{cast}"
            for number, cast in enumerate(self._casts())
        ]
        if self._is_by_time:
            sign = "<" if self._descending[0] else ">"
            return f"({', '.join(self._expressions)}) {sign} ({', '.join(values)})"
        ways = []
        for number, (text, value) in enumerate(zip(self._expressions, values, strict=True)):
            same = [
                f"{earlier} IS NOT DISTINCT FROM {before}"
                for earlier, before in zip(self._expressions[:number], values, strict=False)
            ]
            ways.append(" AND ".join((*same, self._beyond(number, text, value))))
        return f"({' OR '.join(f'({way})' for way in ways)})"

    def _beyond(self, number: int, text: str, value: str) -> str:
        beyond = f"{text} {'<' if self._descending[number] else '>'} {value}"
        if self._may_be_absent(number):
            return f"({beyond} OR ({text} IS NULL AND {value} IS NOT NULL))"
        return beyond

    def _casts(self) -> list[str]:
        return [*(CASTS[key.attribute.kind] for key in self._keys), "uuid"]


def _in_place(number: int) -> Callable[[Given], object]:
    return lambda given: given.after[number]
