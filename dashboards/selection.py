"""Queries about one HeadlessCMS, which is chosen above the panels."""

from dashboards.parts import Variable

VARIABLES = (
    Variable("namespace", "hcms_info", "namespace"),
    Variable("name", 'hcms_info{namespace="$namespace"}', "name"),
)
READY = 'type="Ready", status="True"'
READS = 'route=~"/v1/delivery/.*"'
FAILED = 'status=~"5.."'


def of(metric: str, matchers: str = "") -> str:
    more = f", {matchers}" if matchers else ""
    return f'{metric}{{namespace="$namespace", name="$name"{more}}}'


def rate(metric: str, matchers: str = "") -> str:
    return f"rate({of(metric, matchers)}[$__rate_interval])"


def quantile(share: float, histogram: str, by: str = "", matchers: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    rates = rate(f"{histogram}_bucket", matchers)
    return f"histogram_quantile({share}, sum by ({labels}) ({rates}))"
