"""Leads, both ways: saved here, sent through the outbox, read again from EasyCars (epic 3)."""
