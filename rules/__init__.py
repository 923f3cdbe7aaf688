"""The pure core: agreements, calendars, and the two aggregates that decide.

Nothing here reads a clock, a file, a socket or a random source, and nothing
logs: `now` is always passed in, so that a replay decides what the live service
decided.
"""
