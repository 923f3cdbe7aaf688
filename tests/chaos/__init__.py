"""One seed, one run: the service with a virtual clock, through crashes, errors and outages."""
