"""The compliance report: its model, its period, and how records are counted. Pure: no I/O and no clock."""
