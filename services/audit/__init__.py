"""Audit: writes one record for each event, without phone numbers and texts, signs checkpoints, and purges old records.

Consumes every event. Publishes RecordsPurged.
"""
