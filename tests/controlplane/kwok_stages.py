"""What fake nodes do besides KWOK's own stages."""

from pathlib import Path

STAGES = sorted((Path(__file__).parent / "stages").glob("*.yaml"))
