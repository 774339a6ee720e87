"""The production store: MongoDB through motor, with calls that PyMongo's async API has too."""
