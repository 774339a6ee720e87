"""The infrastructure that all services share: broker, settings, telemetry, process life cycle."""
