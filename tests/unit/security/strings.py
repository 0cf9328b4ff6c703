"""Texts that somebody with bad intentions writes into a field."""

import re
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

_ATTACKS = (
    # shells, and variables that the kubelet puts in
    "$(DATABASE_URL)", "$$(HCMS_NAME)", "`id`", "; rm -rf /", "a && b", "| sh", "${IFS}", "$(id)",
    # templates
    "{{namespace}}", "{{ .Values.x }}", "{{candidate}}{{", "{% raw %}", "%(x)s", "{0.__class__}",
    # YAML, JSON and lines
    "a\nhostNetwork: true", "- x\n  y: z", '"}, {"hostPath": "/"', "!!python/object", "&a *a",
    "a\r\nX-Header: y", "x\x00y", "\u2028", "# no", "'", '"', "\\", "~", "null", "true", "0x1", "",
    # paths
    "../../etc/shadow", "/", "/etc", "//etc/headlesscms/jwt", "/tmp/../etc",  # noqa: S108 - data
    "/proc/self/environ",
    "..", ".", "/var/run/secrets/kubernetes.io/serviceaccount", "file:///etc/passwd", "C:\\x",
    # names of others
    "kube-system/admin", "kube-system", "kubernetes.default.svc", "localhost", "169.254.169.254",
    "system:masters", "default", "headlesscms-system", "headlesscms-operator", "hcms-jwt",
    "system-cluster-critical", "node-role.kubernetes.io/control-plane", "*", "*.*",
    "registry.example@evil.example/cms:1", "evil.example/cms#@registry.example/",
    # lookalikes, directions, size
    "\uff44efault", "d\u0435fault", "\u202egpj", "\ud7ff", "🦊", "a" * 254, "a" * 9000, "1" * 40,
)  # fmt: skip
# Of what most rules allow, so that many get as far as the children.
_PLAUSIBLE = st.text("ab-z09.A_/:@=,$(){}", max_size=70)


def hostile(schema: Mapping[str, Any], example: str = "") -> SearchStrategy[Any]:
    """Texts that the field takes, and texts that it should not."""
    attacks = st.sampled_from(_ATTACKS)
    choices = [
        attacks,
        _PLAUSIBLE,
        st.text(max_size=300),
        attacks.map(lambda attack: f"{example}{attack}"),
        attacks.map(lambda attack: f"{attack}{example}"),
    ]
    if "enum" in schema:
        choices.append(st.sampled_from(schema["enum"]))
    if "pattern" in schema:
        choices.append(st.from_regex(re.compile(schema["pattern"], re.ASCII), fullmatch=True))
    return st.one_of(choices)
