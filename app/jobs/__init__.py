"""Background jobs: ids in, one service call, outcome out."""
