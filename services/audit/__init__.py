"""Audit records what happened, once for each event, without phone numbers and without anybody's words.

*Hears* every event. *Says* RecordsPurged.
"""
