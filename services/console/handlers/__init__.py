"""The operations of the operators' API: one frozen dataclass for each resource; its fields are ports.

A handler writes a change and its event in one step. The event is published afterwards, at once or on a later attempt.
"""
