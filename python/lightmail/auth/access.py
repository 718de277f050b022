"""From where accounts may log in (`access.users`, `access.administrators`)."""

from __future__ import annotations

from lightmail.config import Access
from lightmail.config.networks import Rule
from lightmail.model import User


class AccessRules:
    def __init__(self, access: Access) -> None:
        self._users = {name.lower(): Rule(rule) for name, rule in access.users.items()}
        self._administrators = Rule(access.administrators) if access.administrators else None

    def allow(self, user: User, host: str | None) -> bool:
        """host: the client's numeric address; None: a unix socket. The rule of an address goes before that of its domain."""
        rules = [self._users.get(user.address) or self._users.get("@" + user.address.rpartition("@")[2])]
        if user.administrator:
            rules.append(self._administrators)
        return all(rule is None or rule.allows(host) for rule in rules)
