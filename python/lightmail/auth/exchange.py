"""One SASL exchange under way: a mechanism, and answers to what it asks for. The same for every protocol.

exchange = Exchange(mechanism, entrance)
step = await exchange.step(initial_response)        # None when the client sent none
while isinstance(step, Challenge):
    ... send step.octets, wait for a response ...
    step = await exchange.step(response)
... step.user has entered ...
"""

from __future__ import annotations

from lightmail.auth.authenticator import Entered
from lightmail.auth.entrance import Entrance
from lightmail.auth.sasl import Bearer, Challenge, ContextsWanted, Credentials, Failed, Mechanism, Proven, ScramWanted
from lightmail.errors import TokenRefused


class Exchange:
    __slots__ = ("_entrance", "_mechanism", "username")

    def __init__(self, mechanism: Mechanism, entrance: Entrance) -> None:
        self._mechanism = mechanism
        self._entrance = entrance
        self.username = b""
        """As claimed, once it is; for the log."""

    async def step(self, response: bytes | None) -> Challenge | Entered:
        """Raises MalformedResponse, AuthenticationFailed, AuthorizationFailed, AccountDisabled, TooManyLogins,
        Unavailable.
        """
        entrance = self._entrance
        step = self._mechanism.step(response)
        while not isinstance(step, Challenge):
            self.username = step.username
            match step:
                case Credentials():
                    return await entrance.authenticate(step)
                case Proven():
                    return await entrance.proven(step)
                case ScramWanted():
                    step = step.supply(await entrance.scram_keys(step.scheme, step.username))
                case ContextsWanted():
                    step = step.supply(await entrance.cram_md5_contexts(step.username))
                case Bearer():
                    try:
                        return await entrance.bearer(step)
                    except TokenRefused as error:
                        refused = Failed(step.username, error.reason)
                        step = step.refuse(entrance.token_hints, refused)
                case Failed():
                    raise await entrance.failed(step)
        return step
