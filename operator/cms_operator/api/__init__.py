"""The HeadlessCMS resource: its fields and rules, its status, its conditions."""

from cms_operator.api.resource import HeadlessCMS, InvalidSpec, parse

__all__ = ["HeadlessCMS", "InvalidSpec", "parse"]
