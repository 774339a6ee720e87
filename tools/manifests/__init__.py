"""What deploy/k8s needs beside its files: secrets of an overlay for development, generated objects, and the checks."""
