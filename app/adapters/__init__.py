"""Real implementations of the services' ports; only create_app imports them."""
