"""WhatsApp providers: one package for each, behind one contract (`provider.py`), listed in `registry.py`."""
