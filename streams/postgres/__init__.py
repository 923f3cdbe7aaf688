"""The store in PostgreSQL: states, decisions and wake-ups of Kafka's partitions, and the router."""
