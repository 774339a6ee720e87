"""What operators may ask for and what they are shown: request and answer models, and the rules their fields obey."""
