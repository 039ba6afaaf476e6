"""One call of the EasyCars API while it is being answered, and how it is refused."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.simulator.easycars import wire
from app.simulator.easycars.accounts import is_account
from app.simulator.scenarios import Active

if TYPE_CHECKING:
    from app.simulator.world import World


class Refused(Exception):
    """The call ends with a code other than 0 and no payload."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class ApiCall:
    """What came in. `fields` is the JSON body, `client_id` the token's owner once checked."""

    world: "World"
    service: str
    endpoint: str
    fields: dict[str, Any]
    base_url: str
    active: Active | None
    client_id: str = ""

    @property
    def account(self) -> str:
        return str(self.fields.get("AccountNumber"))

    def scenario_is(self, name: str) -> bool:
        return self.active is not None and self.active.name == name


def check_client(call: ApiCall, authorization: str) -> str:
    """The ClientID behind the bearer token. Raises Refused with Code 1."""
    scheme, _, token = authorization.partition(" ")
    early = call.active.number if call.active and call.scenario_is("token-expires-early") else None
    client = None
    if scheme.lower() == "bearer" and not call.scenario_is("expired-token"):
        client = call.world.tokens.client_of(call.service, token.strip(), early)
    if client is None:
        raise Refused(wire.AUTHENTICATION_FAIL, "Invalid token.")
    return client


def check_account(call: ApiCall) -> None:
    """Raises Refused: Code 7 when the pair is missing, Code 1 when it is wrong."""
    for name in ("AccountNumber", "AccountSecret"):
        if not call.fields.get(name):
            raise Refused(wire.FAILED, f"{name} is required.")
    if call.scenario_is("refused-account") or not is_account(
        call.account, call.fields["AccountSecret"]
    ):
        raise Refused(wire.AUTHENTICATION_FAIL, "Invalid account number or account secret.")
