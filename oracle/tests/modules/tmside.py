"""Does something when it is imported."""
import posix


def side():
    posix.getppid()


side()
