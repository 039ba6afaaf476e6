"""The web server's and Flask's entry point."""

from app import create_app
from app.config import Settings

app = create_app(Settings.from_env())
