"""Programs that read what the operator and the CMS show, as the tests ask them to."""

from localcluster.paths import PACKAGE
from localcluster.program import Program

PROMTOOL = Program(
    "promtool",
    PACKAGE / "prometheus",
    "github.com/prometheus/prometheus/cmd/promtool",
    tags="remove_all_sd",
)
COLLECTOR = Program("otelcol", PACKAGE / "otelcol", ".")
ALL = (PROMTOOL, COLLECTOR)
