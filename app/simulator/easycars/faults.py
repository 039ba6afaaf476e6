"""Faults in EasyCars' own words: codes and envelopes."""

# ruff: noqa: ARG001 - every fault has the same signature

from flask import Response

from app.simulator.easycars import wire
from app.simulator.faults import FAULTS as HTTP_FAULTS
from app.simulator.faults import Fault, Process, half, replaced
from app.simulator.scenarios import Active, Switch

SYSTEM_ERROR = "System error. Please contact support."


def refusal(code: int, message: str) -> Fault:
    """Answer with a code alone, without doing anything."""

    def fault(process: Process, active: Active, switch: Switch) -> Response:
        return Response(wire.envelope(code=code, message=message), mimetype="application/json")

    return fault


def warned(process: Process, active: Active, switch: Switch) -> Response:
    response = process()
    body = wire.with_code(response.get_data(), wire.WARNING, "Some items are being updated.")
    return replaced(response, body)


def then_refused(code: int, message: str) -> Fault:
    """Do the work, and answer with a code as if it had failed."""

    def fault(process: Process, active: Active, switch: Switch) -> Response:
        return replaced(process(), wire.envelope(code=code, message=message))

    return fault


def truncated_before_processing(process: Process, active: Active, switch: Switch) -> Response:
    """What arrives tells as little as the half of a good answer."""
    return half(Response(wire.envelope(), mimetype="application/json"), promise_all=True)


def _renamed(old: bytes, new: bytes) -> Fault:
    def fault(process: Process, active: Active, switch: Switch) -> Response:
        response = process()
        head, _, tail = response.get_data().rpartition(old)
        return replaced(response, head + new + tail)

    return fault


def other_list(process: Process, active: Active, switch: Switch) -> Response:
    response = process()
    return replaced(response, response.get_data().replace(b'"StockList"', b'"Response"', 1))


FAULTS: dict[str, Fault] = HTTP_FAULTS | {
    "refused-client": refusal(wire.AUTHENTICATION_FAIL, "Invalid ClientID or ClientSecret."),
    "code-5": warned,
    "code-5-empty": refusal(wire.WARNING, "Some items are being updated."),
    "code-7": refusal(wire.FAILED, "The request could not be processed."),
    "code-9": refusal(wire.SYSTEM_ERROR, SYSTEM_ERROR),
    "code-9-after-processing": then_refused(wire.SYSTEM_ERROR, SYSTEM_ERROR),
    "truncated-before-processing": truncated_before_processing,
    "code-42": refusal(42, "Something new."),
    "wrong-envelope": _renamed(b'"Code":0,', b""),
    "wrong-envelope-return-code": _renamed(
        b'"Code":0,"ErrorMessage"', b'"ReturnCode":0,"ErrorMsg"'
    ),
    "wrong-envelope-other-list": other_list,
}
