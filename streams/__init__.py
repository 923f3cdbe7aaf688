"""The composition root: codec, processing loop, intake and the command line."""
