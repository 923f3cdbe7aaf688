"""The store in PostgreSQL: what is its own, beside the conformance suite."""
