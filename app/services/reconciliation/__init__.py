"""Reconciliation: what EasyCars and we do not have alike, kept as differences to act on (4.3)."""
