"""What ingress does with a request once HTTP is read: take it, refuse it, reject it, or receive from WhatsApp."""
