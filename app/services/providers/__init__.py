"""Outside platforms, one folder each. They know no database and no sibling."""
