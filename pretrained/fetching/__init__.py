"""Published files, fetched once and checked."""
