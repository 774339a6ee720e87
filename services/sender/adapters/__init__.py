"""How sender's ports are met: one class per port and technology."""
