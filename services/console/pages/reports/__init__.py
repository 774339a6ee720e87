"""Renderers of the compliance report: JSON, CSV, HTML and PDF. They are pure: equal reports give equal bytes."""
