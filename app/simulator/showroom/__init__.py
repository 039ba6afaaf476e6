"""Makes believable Australian dealer stock and its photos. Knows nothing of any vendor's wire format."""
