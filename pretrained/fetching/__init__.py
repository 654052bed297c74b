"""Files that are published, fetched once and checked."""
