"""The image of the CMS and how it is pulled."""

from typing import Annotated, Literal

from pydantic import Field

from cms_operator.api.rules import ListMap, matches
from cms_operator.api.types import LocalReference

_HOST = r"[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:[0-9]{1,5})?"
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][-A-Za-z0-9_.]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"

ImageReference = Annotated[
    str,
    Field(min_length=1, max_length=512),
    matches(
        rf"^({_HOST}/)?{_PART}(/{_PART})*(:{_TAG})?(@{_DIGEST})?$",
        "must be an image reference, such as registry.example/cms:1.2.3 or one with @sha256:...",
    ),
]
ImagePullPolicy = Literal["Always", "IfNotPresent", "Never"]
ImagePullSecrets = Annotated[tuple[LocalReference, ...], Field(max_length=10), ListMap("name")]
