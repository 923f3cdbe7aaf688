"""The lead aggregate: one lead's state, and what an event or the time makes of it."""
