"""Reports as people read and file them: one outline of content, and a form for each medium. No I/O but templates."""
