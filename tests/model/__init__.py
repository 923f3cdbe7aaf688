"""A plain, slow reading of the public contract, and the engine held against it."""
