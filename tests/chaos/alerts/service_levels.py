"""The alerts that an outage may set off beside the one that names it, because what they say is true."""

AVAILABILITY, LATENCY = (
    frozenset(f"Gateway{level}{alert}" for alert in ("BurnsFast", "Burns", "Budget"))
    for level in ("Availability", "Latency")
)
LEVELS = AVAILABILITY | LATENCY
"""Of the service levels: their windows are as long as three days, so that they stay for hours after many outages."""
STAY = LEVELS | {"GatewayUnavailableAnswers"}
"""Pages that may still be there from a fault before."""
OUTAGE = STAY | {
    "GatewayPendingAnswers",
    "GatewayStoreErrors",
    "GatewayConsumerRestarted",
    "GatewayLogLinesLost",  # of the full disk some faults before
}
"""What callers get, and what services had to do, while something is away."""
