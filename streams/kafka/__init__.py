"""Kafka: where activity waits and decisions leave, when several machines share the work."""
