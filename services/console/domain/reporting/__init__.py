"""The compliance report: its period, its figures, and how records become figures. Pure: no I/O, no clock."""
