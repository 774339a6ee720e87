"""The Grafana dashboards as tables of panels; `make docs` writes them to `deploy/grafana/dashboards`."""
