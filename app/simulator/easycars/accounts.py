"""Who may call: client pairs and dealer accounts. All values are made up and public.

The demonstration dealership uses the DEMO_ values. Any account EC100000 to EC199999 exists, each
with stock of its own; `account_secret` tells its secret, so that load tests can have as many as
they want.
"""

# ruff: noqa: S105, S324 - these secrets are made up and public; SHA-1 only makes them look real

import hashlib
import re

DEMO_CLIENT_ID = "DEMO0000-0000-4000-8000-000000000001"
DEMO_CLIENT_SECRET = "DEMO5EC0-0000-4000-8000-000000000001"
SECOND_CLIENT_ID = "DEMO0000-0000-4000-8000-000000000002"
SECOND_CLIENT_SECRET = "DEMO5EC0-0000-4000-8000-000000000002"
DEMO_ACCOUNT_NUMBER = "EC100001"
DEMO_ACCOUNT_SECRET = "demo5ec0-0000-4000-8000-0000ec100001"
# A dealer who was given one pair only: it serves as client pair and as account pair.
SINGLE_PAIR_NUMBER = "EC100099"

_GENERATED = re.compile(r"EC1\d{5}")


def account_secret(number: str) -> str:
    """The secret of a dealer account."""
    if number == DEMO_ACCOUNT_NUMBER:
        return DEMO_ACCOUNT_SECRET
    digest = hashlib.sha1(f"simulator account {number}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def account_number(index: int) -> str:
    """The number of the index-th generated account, counted from 0: EC110000, EC110001, ..."""
    return f"EC{110000 + index:06d}"


CLIENT_PAIRS = {
    DEMO_CLIENT_ID: DEMO_CLIENT_SECRET,
    SECOND_CLIENT_ID: SECOND_CLIENT_SECRET,
    SINGLE_PAIR_NUMBER: account_secret(SINGLE_PAIR_NUMBER),
}


def is_account(number: object, secret: object) -> bool:
    """Whether the pair names an account; the answer does not say which half is wrong."""
    if not isinstance(number, str) or not _GENERATED.fullmatch(number):
        return False
    return secret == account_secret(number)


def image_account(number: str) -> int:
    """The integer that stands for the account in photo addresses."""
    return int(number[2:]) + 210_000


def account_of_image(integer: int) -> str:
    return f"EC{integer - 210_000:06d}"
