"""The operators' door: accounts, numbers, integrations, suppressions and the record, over HTTP.

*Hears* nobody. *Says* every change an operator made: AccountChanged, NumberChanged, IntegrationChanged, SecretRotated,
SuppressionAdded, SuppressionLifted.
"""
