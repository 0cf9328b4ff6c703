"""What is said of a process's memory."""

import pytest

from benchmarks.memory import Part, verdict


@pytest.mark.parametrize(
    ("resident", "peak", "said"),
    [
        ([100, 120, 130, 131], 140, "peak 140 MiB: reached (150 MB); growth since the third"),
        ([100, 120, 130, 131], 144, "peak 144 MiB: missed (150 MB)"),
        ([100, 120, 130, 131], 140, "third part 1.01: reached"),
        ([100, 110, 120, 130], 140, "third part 1.08: missed"),
    ],
)
def test_a_limit_and_growth(resident: list[float], peak: float, said: str) -> None:
    parts = [Part(number, each, peak) for number, each in enumerate(resident)]
    assert said in verdict(parts)
