"""Use cases: plain functions that know neither Flask nor Redis."""
