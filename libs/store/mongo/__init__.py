"""The production store: MongoDB through motor, using only calls that PyMongo's async API has too."""
