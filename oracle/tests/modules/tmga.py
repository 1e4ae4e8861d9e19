"""Makes up its names."""


def __getattr__(n):
    return len
