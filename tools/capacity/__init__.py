"""Answers how many replicas a rate of messages needs, by simulating the queues between the services."""
