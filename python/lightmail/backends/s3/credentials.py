"""Whose requests they are: the keys of the configuration, or what aioboto3 finds.

aioboto3 knows every place: environment, profiles, web identity, SSO, containers' and machines' roles; it renews what
expires. It is loaded only when it is asked, and costs each process some 30 MB (docs/adr/0006).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from lightmail.backends.s3.faults import NO_CREDENTIALS, Broken
from lightmail.backends.s3.signing import Keys
from lightmail.config.sections import S3
from lightmail.errors import ConfigError


class Credentials(Protocol):
    region: str
    """Where they come from knows one; "" otherwise."""

    async def keys(self) -> Keys:
        """Raises Broken."""
        ...

    def expired(self) -> None:
        """The store says so: look for new ones."""
        ...


class FixedCredentials:
    region = ""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def keys(self) -> Keys:
        return self._keys

    def expired(self) -> None:
        """They have no expiry of their own; nothing else is known."""


class FoundCredentials:
    def __init__(self, profile: str) -> None:
        """Raises ConfigError when there is no such profile."""
        import aioboto3
        from botocore.exceptions import BotoCoreError

        self._fault = BotoCoreError
        self._new_session: Callable[[], Any] = partial(aioboto3.Session, profile_name=profile or None)
        try:
            self._session = self._new_session()
            self.region: str = self._session.region_name or ""
        except BotoCoreError as error:
            raise ConfigError("the AWS configuration", "s3.profile", str(error)) from error
        self._found: Any = None
        self._finding = asyncio.Lock()

    async def keys(self) -> Keys:
        try:
            if self._found is None:
                # Several requests at the start; the machine's role is asked for once.
                async with self._finding:
                    if self._found is None:
                        self._found = await self._session.get_credentials()
            if self._found is None:
                raise Broken("there are no credentials for it", hopeless=True, way_out=NO_CREDENTIALS)
            frozen = await self._found.get_frozen_credentials()
        except self._fault as error:
            raise Broken(f"no credentials for it could be had: {type(error).__name__}") from error
        return Keys(frozen.access_key, frozen.secret_key, frozen.token or "")

    def expired(self) -> None:
        self._session, self._found = self._new_session(), None


def credentials_for(options: S3) -> Credentials:
    """Raises ConfigError."""
    if options.access_key:
        return FixedCredentials(Keys(options.access_key, options.secret_key))
    return FoundCredentials(options.profile)
