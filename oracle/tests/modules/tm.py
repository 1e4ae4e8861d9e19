"""What the conformance cases load: one thing for each way in which a load can call."""
import posix


def pyf(*a):
    return 7


class PyCls:
    def __init__(self, *a):
        pass


class PyNew:
    def __new__(cls, *a):
        return object.__new__(cls)


class Plain:
    pass


class SetSt:
    def __setstate__(self, s):
        pass


class Slot:
    __slots__ = ("x",)

    @property
    def prop(self):
        return 1

    @prop.setter
    def prop(self, v):
        pass


class SetAttr:
    def __setattr__(self, k, v):
        object.__setattr__(self, k, v)


class Ext:
    def extend(self, x):
        pass

    def append(self, x):
        pass


class SetI:
    def __setitem__(self, k, v):
        pass


class Key:
    def __hash__(self):
        return 5

    def __eq__(self, o):
        return True


class AddI:
    def add(self, x):
        pass


class Dele:
    def __del__(self):
        pass


class MetaG(type):
    def __getattr__(cls, n):
        raise AttributeError(n)


class Gia(metaclass=MetaG):
    pass


class DotT:
    @property
    def dprop(self):
        return pyf


dot = DotT()


class It:
    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration


class Isub:
    def __init_subclass__(cls, **k):
        pass


class Call:
    def __call__(self, *a):
        return 1


callinst = Call()


def gen():
    yield 1


class Cmp:
    def __lt__(self, o):
        return False


def inner():
    return posix.getppid()


def outer():
    return inner()


def warm(n):
    # Bytecode that is warm calls without asking any slot.
    for _ in range(n):
        posix.getppid()


def call_it(f):
    return f()


def last():
    for _ in range(500):
        len(())
    return posix.getppid()
