"""Makes believable Australian dealer stock and its photos; knows no vendor's wire format."""
