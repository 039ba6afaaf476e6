"""The engine: fetch, plan, apply, for any provider."""
