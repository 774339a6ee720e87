"""The operators' API over HTTP: accounts, numbers, integrations, suppressions, reports and the audit record.

*Hears* SimulationAnswered and dead letters. *Says* every change that an operator makes, such as AccountChanged,
IntegrationChanged and SuppressionAdded, and every reading that must be on record, such as ReportRead.
"""
