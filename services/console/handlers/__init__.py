"""What each call of the API does: one frozen dataclass for each kind of thing, its fields are ports.

A change is written together with the event that tells of it; publishing comes after, and may come later.
"""
