"""The operator as `kopf run -A -m cms_operator.main` and `python -m cms_operator` load it."""

from cms_operator.handlers import HANDLERS

__all__ = ["HANDLERS"]
