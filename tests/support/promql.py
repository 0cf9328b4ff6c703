"""Which series a query in PromQL reads, and by which labels: no more of the language than that."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^}]*)\}")
_WORDS = frozenset(
    {"and", "or", "unless", "bool", "offset", "by", "on", "group_left", "group_right"}
)


@dataclass
class Reading:
    """`matched` holds the labels that a series is selected by, `grouped` those of by() and on()."""

    matched: dict[str, set[str]] = field(default_factory=dict)
    grouped: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)


def read(query: str) -> Reading:
    found = Reading()
    text = _STRING.sub('""', query)
    text = re.sub(r"\[[^\]]*\]", "", text)
    for word, labels in _GROUPING.findall(text):
        found.grouped |= set(_NAME.findall(labels))
        if word in {"by", "group_left"}:
            found.kept |= set(_NAME.findall(labels))
    text = _GROUPING.sub("", text)
    for metric, matchers in _SELECTOR.findall(text):
        found.matched.setdefault(metric, set()).update(_NAME.findall(matchers))
    for metric in _bare(_SELECTOR.sub("", text)):
        found.matched.setdefault(metric, set())
    return found


def _bare(text: str) -> Iterator[str]:
    """Names that are neither words of the language nor functions."""
    for match in re.finditer(r"(?<![\w:.$])[a-zA-Z_:][a-zA-Z0-9_:]*", text):
        is_called = text[match.end() :].lstrip().startswith("(")
        if match[0] not in _WORDS and not is_called:
            yield match[0]
