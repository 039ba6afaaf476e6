"""Faults of transport and answers that any HTTP service can show, whatever it speaks."""

# ruff: noqa: ARG001 - every fault has the same signature, whether it needs all of it or not

from collections.abc import Callable
from typing import Protocol

from flask import Response, request

from app.simulator.scenarios import Active, Switch
from app.simulator.server import CONNECTION_KEY, Connection

Process = Callable[[], Response]

ERROR_PAGE = """<!DOCTYPE html>
<html><head><title>Runtime Error</title></head>
<body bgcolor="white"><h1>Server Error in '/TestECService' Application.</h1>
<h2><i>Runtime Error</i></h2><p>An application error occurred on the server.</p></body></html>
"""
MAINTENANCE_PAGE = """<!DOCTYPE html>
<html><head><title>Scheduled maintenance</title></head>
<body><h1>We'll be back soon</h1><p>The service is down for scheduled maintenance.</p></body></html>
"""


class Fault(Protocol):
    def __call__(self, process: Process, active: Active, switch: Switch) -> Response: ...


def connection() -> Connection:
    """The caller's connection. Only the simulator's own server provides it."""
    link = request.environ.get(CONNECTION_KEY)
    if not isinstance(link, Connection):
        raise TypeError("This scenario needs a real connection: run the simulator's server.")
    return link


def html(page: str, status: int, **headers: str) -> Response:
    return Response(page, status, headers, mimetype="text/html")


def hold(seconds: float, switch: Switch, *, until_switched: bool) -> None:
    """Keep the caller waiting; ends early when it hangs up or (if asked) the scenario changes."""
    link, generation, slice_s = connection(), switch.generation, 0.05
    waited = 0.0
    while waited < seconds and not (until_switched and switch.generation != generation):
        if link.caller_left_within(min(slice_s, seconds - waited)):
            return
        waited += slice_s


def cut(response: Response | None = None) -> Response:
    """Reset the connection; the returned answer reaches nobody and stands only in the log."""
    connection().reset()
    return response or Response(status=500)


def half(response: Response, promise_all: bool) -> Response:
    """The first half of an answer, with the length of the whole or of the half."""
    body = response.get_data()
    response.set_data(body[: len(body) // 2])
    if promise_all:
        response.headers["Content-Length"] = str(len(body))
    return response


def replaced(response: Response, body: bytes) -> Response:
    response.set_data(body)
    return response


def slow(process: Process, active: Active, switch: Switch) -> Response:
    hold(active.number, switch, until_switched=False)
    return process()


def never_answers(process: Process, active: Active, switch: Switch) -> Response:
    hold(active.number, switch, until_switched=True)
    return cut()


def http_500(process: Process, active: Active, switch: Switch) -> Response:
    return html(ERROR_PAGE, 500)


def http_503(process: Process, active: Active, switch: Switch) -> Response:
    return html(MAINTENANCE_PAGE, 503, **{"Retry-After": f"{active.number:g}"})


def http_429(process: Process, active: Active, switch: Switch) -> Response:
    return html("Too many requests.", 429, **{"Retry-After": f"{active.number:g}"})


def html_error(process: Process, active: Active, switch: Switch) -> Response:
    return html(MAINTENANCE_PAGE, 200)


def connection_reset(process: Process, active: Active, switch: Switch) -> Response:
    return cut()


def reset_after_processing(process: Process, active: Active, switch: Switch) -> Response:
    return cut(process())


def timeout_after_processing(process: Process, active: Active, switch: Switch) -> Response:
    response = process()
    hold(active.number, switch, until_switched=True)
    return cut(response)


def http_500_after_processing(process: Process, active: Active, switch: Switch) -> Response:
    process()
    return html(ERROR_PAGE, 500)


def malformed_json(process: Process, active: Active, switch: Switch) -> Response:
    response = process()
    body = response.get_data()
    middle = len(body) // 2
    return replaced(response, body[:middle] + b'"]}{,;' + body[middle:])


def truncated(process: Process, active: Active, switch: Switch) -> Response:
    return half(process(), promise_all=True)


def truncated_json(process: Process, active: Active, switch: Switch) -> Response:
    return half(process(), promise_all=False)


def empty_body(process: Process, active: Active, switch: Switch) -> Response:
    return replaced(process(), b"")


FAULTS: dict[str, Fault] = {
    "slow": slow,
    "never-answers": never_answers,
    "http-500": http_500,
    "http-503": http_503,
    "http-429": http_429,
    "html-error": html_error,
    "connection-reset": connection_reset,
    "reset-after-processing": reset_after_processing,
    "timeout-after-processing": timeout_after_processing,
    "http-500-after-processing": http_500_after_processing,
    "malformed-json": malformed_json,
    "truncated": truncated,
    "truncated-json": truncated_json,
    "empty-body": empty_body,
}
