"""What people get: decisions told in words. Imports `rules`, never `streams`."""
