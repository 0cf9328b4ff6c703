"""The commands that ask something of a rollout, and wait for the operator's answer."""

import argparse
import time
from datetime import UTC, datetime
from typing import get_args

from cms_operator.api.annotations import Verb, of_verb, who_asked
from cms_operator.cli import asking
from cms_operator.cli.kubectl import RESOURCE, Kubectl, KubectlError
from cms_operator.cli.terminal import fail, say


def ask(options: argparse.Namespace) -> int:
    kubectl, name = Kubectl.of(options), options.name
    wanted = "promote-full" if options.full else options.verb
    verb: Verb = next(found for found in get_args(Verb) if found == wanted)
    token = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    value = asking.value(verb, kubectl.get(RESOURCE, name), token, options.to)
    # Who has asked before stands there; where nothing writes that any more, it would be refused.
    kubectl.annotate(name, {of_verb(verb): value, who_asked(verb): None})
    if options.no_wait:
        say([f"{name}: asked {of_verb(verb)}={value}"])
        return 0
    back = kubectl.shown("annotate", RESOURCE, name, f"{of_verb(verb)}-")
    stands = f"The request stands until it is answered. Take it back with: {back}"
    try:
        answer = _wait(kubectl, name, verb, value, time.monotonic() + options.timeout)
    except KubectlError as error:
        return fail(f"{error}\n{name}: {stands}")
    if answer is None:
        late = f"no answer within {options.timeout:g} s; is the operator running?"
        return fail(f"{name}: {late} {stands}")
    if answer.refused:
        return fail(f"{name}: refused: {answer.words}")
    say([f"{name}: {answer.words}"])
    return 0


def _wait(
    kubectl: Kubectl, name: str, verb: Verb, value: str, deadline: float
) -> asking.Answer | None:
    while (left := deadline - time.monotonic()) > 0:
        try:
            with kubectl.watch((RESOURCE, name)) as watch:
                while event := watch.next(max(0.0, left)):
                    if answer := asking.answer(event.object, verb, value):
                        return answer
                    left = deadline - time.monotonic()
        except KubectlError as error:
            if not error.ended:
                raise
    return None
