"""What the steps of a pass work on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cms_operator.api import HeadlessCMS
from cms_operator.observed.family import Family
from cms_operator.resources.revision import Revision


@dataclass(frozen=True, slots=True)
class Subject:
    """A HeadlessCMS, what is there of it, and its recorded revisions, at `now` of the pass."""

    hcms: HeadlessCMS
    family: Family
    revisions: Mapping[str, Revision]
    now: datetime
