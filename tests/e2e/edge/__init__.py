"""The gateway behind a real reverse proxy with the shipped configuration of an edge (deploy/edge)."""
