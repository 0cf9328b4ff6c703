"""What to build for a test that asks for such an image."""

from pathlib import Path

from demo.misbehaving.faults.names import Fault
from localcluster.images import Source

_FOLDER = Path(__file__).parent


def source(fault: Fault) -> Source:
    """An image for images.build_and_load_on(), with the CMS's own as the base."""
    arguments = (("FAULT", fault.value),)
    return Source(f"misbehaving-{fault}", _FOLDER / "Dockerfile", _FOLDER, arguments)
