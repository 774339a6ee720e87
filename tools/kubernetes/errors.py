"""`ClusterFailed`: the one error of this package. Its text tells the reader what to do."""


class ClusterFailed(Exception):  # noqa: N818 -- reads as the fact it states
    """The cluster could not be built, started or asked; the text is for the person at the terminal."""
