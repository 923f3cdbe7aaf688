"""Real processes that are killed, and disks that are full."""
