"""`cms serve`, as patient as the tests."""

import sys

from cms_service.cli import main
from tests.service.patience import PATIENT

for module, name, seconds in PATIENT:
    setattr(module, name, seconds)
sys.exit(main(["serve"]))
