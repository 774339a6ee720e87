"""Documents that people read; `reports` renders the compliance report in four formats."""
