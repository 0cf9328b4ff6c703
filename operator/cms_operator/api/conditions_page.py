"""Writes docs/conditions.md from the vocabulary of conditions."""

from collections.abc import Iterable

from cms_operator.api.conditions import ConditionType, Reason

_INTRODUCTION = """\
<!-- Made by `python -m cms_operator.api.crd --write`. -->
# Conditions and reasons

`kubectl describe headlesscms NAME` shows them with a message for the case at hand.

| condition | what it says |
| --- | --- |
"""
_REASONS = """
| reason | what it means, and what to do |
| --- | --- |
"""


def text() -> str:
    conditions = _rows((kind.value, kind.help) for kind in ConditionType)
    reasons = _rows(sorted((reason.value, reason.help) for reason in Reason))
    return _INTRODUCTION + conditions + _REASONS + reasons


def _rows(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"| `{word}` | {help_text} |\n" for word, help_text in pairs)
