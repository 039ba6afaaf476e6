"""The control: what is wrong now, what was called, and levers for stock and leads.

Every route takes JSON from programs and plain forms from the page; a form is sent back to the page.
"""

from app.simulator.control.routes import control

__all__ = ["control"]
