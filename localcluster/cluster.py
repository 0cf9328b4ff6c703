"""A cluster that is up, as every provider hands it over."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cluster:
    provider: str
    kubeconfig: Path
    binaries: Path  # the folder with kubectl and helm
