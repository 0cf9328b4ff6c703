"""Stands in for cms_service/__main__.py: the same command line, with the image's fault."""

import os
import sys

from cms_service.cli import main
from demo.misbehaving.faults.catalogue import FAULTS
from demo.misbehaving.faults.names import Fault

with FAULTS[Fault(os.environ["HCMS_FAULT"])]():
    sys.exit(main())
