"""Percentages of the wanted pods."""

from math import ceil, floor


def pods_of(value: int | str, replicas: int, *, round_up: bool = True) -> int:
    """A number of pods, or a percentage of them."""
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * replicas / 100
    return ceil(share) if round_up else floor(share)
