"""What every service needs and none writes twice: broker, settings, telemetry, life cycle."""
