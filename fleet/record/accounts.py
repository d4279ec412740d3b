"""Who may see the pages, and who is there: users with roles, and sessions [L-50], [L-51].

Of a password its Argon2 hash is kept, of a session's token its SHA-256. So a copy of the record lets nobody in.
"""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, delete, func, insert, select, update

from bundle.names.plain_text import plain
from fleet.errors import AccessRefused
from fleet.record.tables import account, session

Role = Literal["reader", "releaser"]

ROLES: Final = ("reader", "releaser")
LEAST_CHARACTERS: Final = 10
MOST_BYTES: Final = 1_024
SESSION_S: Final = 12 * 3600.0
_MOST_NAME: Final = 64
_HASHER: Final = PasswordHasher()
_NOBODYS: Final = _HASHER.hash(secrets.token_hex())  # so that an unknown name takes as long as a wrong password


@dataclass(frozen=True)
class User:
    """A user. `form`: what each form of the session has to bring along."""

    name: str
    role: str
    form: str = ""

    @property
    def may_release(self) -> bool:
        """Whether the user may pause and resume a rollout."""
        return self.role == "releaser"


def set_user(connection: Connection, name: str, role: Role, password: str, now: float) -> bool:
    """Adds a user, or gives one another password and role, and ends its sessions. Returns whether it is new.

    Raises AccessRefused.
    """
    if not 0 < len(name) <= _MOST_NAME or plain(name).strip() != name:
        raise AccessRefused(f"user {plain(name)[:80]!r}: is no name; it has 1 to {_MOST_NAME} characters")
    if len(password) < LEAST_CHARACTERS or len(password.encode()) > MOST_BYTES:
        raise AccessRefused(f"user {name!r}: the password needs {LEAST_CHARACTERS} characters or more")
    values = {"role": role, "password": _HASHER.hash(password)}
    connection.execute(delete(session).where(session.c.account == name))
    done = connection.execute(update(account).where(account.c.name == name).values(values))
    if done.rowcount:
        return False
    connection.execute(insert(account).values(name=name, added=now, **values))
    return True


def remove_user(connection: Connection, name: str) -> None:
    """Removes a user, and ends its sessions. Raises AccessRefused where there is none."""
    connection.execute(delete(session).where(session.c.account == name))
    if not connection.execute(delete(account).where(account.c.name == name)).rowcount:
        raise AccessRefused(f"user {name!r}: there is none of that name")


def users(connection: Connection) -> list[User]:
    """All users, by name."""
    rows = connection.execute(select(account.c.name, account.c.role).order_by(account.c.name))
    return [User(row.name, row.role) for row in rows]


def has_users(connection: Connection) -> bool:
    """Whether there is any."""
    return bool(connection.execute(select(func.count()).select_from(account)).scalar())


def password_hash(connection: Connection, name: str) -> str | None:
    """The hash of a user's password; None where there is no such user."""
    if not name.isprintable():  # PostgreSQL takes no NUL, and no user is called so
        return None
    found = connection.execute(select(account.c.password).where(account.c.name == name)).scalar()
    return None if found is None else str(found)


def is_right(known: str | None, password: str) -> bool:
    """Whether a password is the one of that hash: takes a while, whatever the answer, so no transaction is open."""
    if len(password.encode()) > MOST_BYTES:
        return False
    try:
        return _HASHER.verify(known or _NOBODYS, password) and known is not None
    except (VerificationError, InvalidHashError):
        return False


def begin_session(connection: Connection, name: str, now: float) -> str:
    """The token of a new session of a user, which nobody else can guess. Old sessions are forgotten."""
    connection.execute(delete(session).where(session.c.ends < now))
    token = secrets.token_urlsafe(32)
    row = {"token": _hashed(token), "account": name, "form": secrets.token_urlsafe(24), "ends": now + SESSION_S}
    connection.execute(insert(session).values(row))
    return token


def session_user(connection: Connection, token: str, now: float) -> User | None:
    """Whose session it is; None for none, and for one that has ended."""
    asked = select(account.c.name, account.c.role, session.c.form).join_from(session, account)
    row = connection.execute(asked.where(session.c.token == _hashed(token), session.c.ends >= now)).one_or_none()
    return None if row is None else User(row.name, row.role, row.form)


def end_session(connection: Connection, token: str) -> None:
    """Ends a session."""
    connection.execute(delete(session).where(session.c.token == _hashed(token)))


def _hashed(token: str) -> bytes:
    return sha256(token.encode()).digest()
