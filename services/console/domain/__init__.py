"""Request and response models of the operators' API, and the rules for their fields."""
