"""Connection states (RFC 9051 §3).

A connection is in one of four states, and the state alone decides which commands it admits: each row of `registry.py`
names its states, nothing else asks. LOGIN and AUTHENTICATE lead from NOT_AUTHENTICATED to AUTHENTICATED, SELECT and
EXAMINE to SELECTED, CLOSE, UNSELECT and a failed SELECT back; LOGOUT, and whatever costs the connection, end in LOGOUT,
which admits nothing and is never left. STARTTLS changes no state: it begins NOT_AUTHENTICATED anew, to which UNAUTHENTICATE
leads back.

    NOT_AUTHENTICATED ──login──▶ AUTHENTICATED ◀──close, unselect, mailbox deleted── SELECTED
           │                          │    └───────────────select───────────────▶      │  ▲
           │                          │                                                └──┘ select
           └──────────logout──────────┴─────────────────────logout─────────────────────┘──▶ LOGOUT

| Commands | NOT_AUTHENTICATED | AUTHENTICATED | SELECTED |
| --- | --- | --- | --- |
| CAPABILITY NOOP LOGOUT ID LANGUAGE | yes | yes | yes |
| STARTTLS AUTHENTICATE LOGIN | yes | | |
| COMPRESS UNAUTHENTICATE ESEARCH NOTIFY COMPARATOR | | yes | yes |
| ENABLE SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE UNSUBSCRIBE LIST LSUB XLIST NAMESPACE STATUS APPEND IDLE | | yes | yes |
| SORT THREAD UIDBATCHES | | | yes |
| SETACL DELETEACL GETACL LISTRIGHTS MYRIGHTS | | yes | yes |
| CHECK CLOSE UNSELECT EXPUNGE SEARCH CANCELUPDATE FETCH STORE COPY MOVE REPLACE | | | yes |
| GETQUOTA GETQUOTAROOT SETQUOTA GETMETADATA SETMETADATA | | yes | yes |

Within a state a connection may expect something else than a command: a SASL response, DONE, the octets of a message.
That is the dispatcher's to know, and no state: none of it outlives the command that asked for it.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    LOGOUT = "logout"


ANY = (State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED)
NOT_AUTHENTICATED = (State.NOT_AUTHENTICATED,)
AUTHENTICATED = (State.AUTHENTICATED, State.SELECTED)
SELECTED = (State.SELECTED,)
