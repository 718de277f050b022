"""One SASL exchange under way: a mechanism, and answers to what it asks for. The same for every protocol.

exchange = Exchange(mechanism, authenticator, line)
step = await exchange.step(initial_response)        # None when the client sent none
while isinstance(step, Challenge):
    ... send step.octets, wait for a response ...
    step = await exchange.step(response)
... step.user has entered ...
"""

from __future__ import annotations

from lightmail.auth.authenticator import Authenticator, Entered
from lightmail.auth.line import Line
from lightmail.auth.sasl import Challenge, ContextsWanted, Credentials, Failed, Mechanism, Proven, ScramWanted


class Exchange:
    __slots__ = ("_authenticator", "_line", "_mechanism", "username")

    def __init__(self, mechanism: Mechanism, authenticator: Authenticator, line: Line) -> None:
        self._mechanism = mechanism
        self._authenticator = authenticator
        self._line = line
        self.username = b""
        """As claimed, once it is; for the log."""

    async def step(self, response: bytes | None) -> Challenge | Entered:
        """Raises MalformedResponse, AuthenticationFailed, AuthorizationFailed, AccountDisabled, Unavailable."""
        authenticator, peer = self._authenticator, self._line.host
        step = self._mechanism.step(response)
        while not isinstance(step, Challenge):
            self.username = step.username
            match step:
                case Credentials():
                    return await authenticator.authenticate(step, peer)
                case Proven():
                    return await authenticator.proven(step, peer)
                case ScramWanted():
                    step = step.supply(await authenticator.scram_keys(step.scheme, step.username))
                case ContextsWanted():
                    step = step.supply(await authenticator.cram_md5_contexts(step.username))
                case Failed():
                    raise await authenticator.failed(step, peer)
        return step
