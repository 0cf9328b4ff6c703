"""A Kubernetes cluster for trying out and testing: one of the user's, kind's, or a node of our own.

Uses the standard library alone, so that it runs before anything is installed.
"""

from localcluster.cluster import Cluster
from localcluster.provision import down, found, up

__all__ = ["Cluster", "down", "found", "up"]
