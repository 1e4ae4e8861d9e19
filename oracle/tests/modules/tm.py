"""What the conformance cases load: one thing for each way in which a load can call."""
import collections
import datetime
import functools
import posix
import sys
import types
import weakref


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


# One callable of each kind, under the names that conformance/kinds.rs knows.
class MetaCall(type):
    def __call__(cls, *a):
        return 1


class k_metaclass(metaclass=MetaCall):
    pass


class Methods:
    def method(self, *a):
        return 1

    @classmethod
    def of_class(cls, *a):
        return 1

    @staticmethod
    def static(*a):
        return 1


def _wrapped(*a):
    return 1


def k_generator(*a):
    yield 1


async def k_coroutine(*a):
    return 1


k_c_function = posix.getppid
k_c_method = [].append
k_function = pyf
k_c_class = collections.deque
k_class = PyCls
k_method = Methods().method
k_class_method = Methods.of_class
k_static_method = Methods.static
k_instance = callinst
k_partial = functools.partial(_wrapped)
k_cached = functools.lru_cache(None)(_wrapped)
k_descriptor = str.upper
k_slot_wrapper = int.__add__
k_c_class_method = dict.fromkeys

for _name, _callable in list(globals().items()):
    if _name.startswith("k_"):
        # A property and a module's __getattr__ that are the callable.
        globals()["p_" + _name] = type("P", (), {"p": property(_callable)})()
        _module = types.ModuleType("tm_" + _name)
        _module.__getattr__ = _callable
        sys.modules["tm_" + _name] = _module


class Holder:
    pass


class Same:
    def __hash__(self):
        return 5


class ItemsState:
    def items(self):
        return ()


class BoolState:
    def __bool__(self):
        return False


class IterArgs:
    def __iter__(self):
        return iter(())


class LoudError(Exception):
    def __init__(self, *a):
        pass

    def __str__(self):
        return "loud"


class LoudTypeError(TypeError):
    def __str__(self):
        return "loud"


def raise_loud(*a):
    raise LoudTypeError()


class Reduced:
    def __reduce_ex__(self, protocol):
        return (pyf, ())


class Copied:
    def __copy__(self):
        return self


class MetaInst(type):
    def __getattribute__(cls, n):
        return type.__getattribute__(cls, n)


class Gattr(metaclass=MetaInst):
    pass


class DictSub(dict):
    pass


class ListSub(list):
    pass


class CustomDict:
    @property
    def __dict__(self):
        return SetI()


class Finalised:
    def __init__(self):
        weakref.finalize(self, pyf)
