//! Every mechanism by which a load can call something is seen, by the C unpickler and by the
//! pure Python one, on every CPython found.

mod common;

use assay_oracle::{Engine, Outcome};
use common::{call, g, oracle_for, pickle, pythons, s, shown};

/// Which engines see it.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Both,
    /// Only the pure Python unpickler: a C slot does it in the C one.
    PyOnly,
    /// Neither, and the documentation says so.
    Nowhere,
}
use Seen::{Both, Nowhere, PyOnly};

struct Case {
    name: &'static str,
    pickle: Vec<u8>,
    /// `kind name`, exactly.
    touch: &'static str,
    seen: Seen,
}

fn case(name: &'static str, pieces: &[&[u8]], touch: &'static str, seen: Seen) -> Case {
    Case { name, pickle: pickle(pieces), touch, seen }
}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let new = |module: &str, name: &str| [g(module, name), b")\x81".to_vec()].concat();
    let one = b"K\x01".as_slice();
    vec![
        case("REDUCE of a C function", &[&call("posix", "getppid", b"")], "call posix.getppid", Both),
        case("REDUCE of a Python function", &[&call("tm", "pyf", b"")], "call tm.pyf", Both),
        case("REDUCE of a C class", &[&call("builtins", "complex", b"")], "call builtins.complex", Both),
        case("REDUCE of a Python class", &[&call("tm", "PyCls", b"")], "call tm.PyCls", Both),
        case("__init__", &[&call("tm", "PyCls", b"")], "method tm.PyCls.__init__", Both),
        case("REDUCE of a callable instance", &[&call("tm", "callinst", b"")], "call tm.Call.__call__", Both),
        case("NEWOBJ of a C class", &[&new("builtins", "complex")], "call builtins.complex", Both),
        case("NEWOBJ, __new__ in Python", &[&new("tm", "PyNew")], "call tm.PyNew.__new__", Both),
        case("NEWOBJ of a plain class", &[&new("tm", "Plain")], "call tm.Plain", PyOnly),
        case("NEWOBJ_EX of a C class", &[&g("builtins", "complex"), b")}\x92"], "call builtins.complex", Both),
        case("OBJ, __new__ in Python", &[b"(", &g("tm", "PyNew"), b"o"], "call tm.PyNew.__new__", Both),
        case("INST of a C class", &[b"K\x010(K\x01ibuiltins\ncomplex\n"], "call builtins.complex", Both),
        case("INST, __getattr__ of a metaclass", &[b"(itm\nGia\n"], "method tm.MetaG.__getattr__", Both),
        case("BUILD, __setstate__ in Python", &[&new("tm", "SetSt"), b"}b"], "method tm.SetSt.__setstate__", Both),
        case("BUILD, __setstate__ in C", &[&g("functools", "partial"), &g("builtins", "len"), b"\x85R(", &g("builtins", "len"), b")}Ntb"], "method functools.partial.__setstate__", Both),
        case("BUILD sets a property", &[&new("tm", "Slot"), b"N}", &s("prop"), one, b"s\x86b"], "call tm.Slot.prop", Both),
        case("BUILD, __setattr__", &[&new("tm", "SetAttr"), b"N}", &s("q"), one, b"s\x86b"], "method tm.SetAttr.__setattr__", Both),
        case("BUILD sets a C attribute", &[&g("tm", "pyf"), b"N}", &s("__doc__"), b"Ns\x86b"], "setattr builtins.function.__doc__", PyOnly),
        case("BUILD fills a dictionary", &[&new("tm", "Plain"), b"}", &s("q"), one, b"sb"], "setattr tm.Plain.q", PyOnly),
        case("APPENDS, extend in Python", &[&new("tm", "Ext"), b"(K\x01K\x02e"], "method tm.Ext.extend", Both),
        case("APPENDS, extend in C", &[&new("collections", "deque"), b"(K\x01K\x02e"], "method collections.deque.extend", Both),
        case("SETITEMS, __setitem__ in Python", &[&new("tm", "SetI"), b"(K\x01K\x02u"], "method tm.SetI.__setitem__", Both),
        case("SETITEMS of a C slot", &[&g("collections", "OrderedDict"), b")R(K\x01K\x02u"], "method collections.OrderedDict.__setitem__", Nowhere),
        case("ADDITEMS, add in Python", &[&new("tm", "AddI"), b"(K\x01\x90"], "method tm.AddI.add", Both),
        case("__hash__", &[b"}(", &new("tm", "Key"), one, b"u"], "method tm.Key.__hash__", Both),
        case("__eq__", &[b"}(", &new("tm", "Key"), one, &new("tm", "Key"), one, b"u"], "method tm.Key.__eq__", Both),
        case("FROZENSET, __hash__", &[b"(", &new("tm", "Key"), b"\x91"], "method tm.Key.__hash__", Both),
        case("POP, __del__", &[&new("tm", "Dele"), b"0N"], "method tm.Dele.__del__", Both),
        case("an import's Python call", &[&g("tmside", "side")], "call tmside.side", Both),
        case("an import's C call", &[&g("tmside", "side")], "call posix.getppid", Both),
        case("an import", &[&g("tmside", "side")], "import tmside", Both),
        case("a module's __getattr__", &[&g("tmga", "whatever")], "call tmga.__getattr__", Both),
        case("a dotted name's property", &[&s("tm"), &s("dot.dprop"), b"\x93"], "call tm.DotT.dprop", Both),
        case("a dotted name's step", &[&s("tm"), &s("dot.dprop"), b"\x93"], "resolve tm.dot", Both),
        case("EXT1", &[&call("copyreg", "add_extension", &[s("posix"), s("getuid"), b"K\xf0".to_vec()].concat()), b"0\x82\xf0)R"], "resolve posix.getuid", Both),
        case("EXT1 out of the cache", &[&call("copyreg", "add_extension", &[s("posix"), s("getuid"), b"K\xf0".to_vec()].concat()), b"0\x82\xf0)R0\x82\xf0)R"], "call posix.getuid", Both),
        case("C calls C: partial", &[&g("functools", "partial"), &g("posix", "getppid"), b"\x85R)R"], "call posix.getppid", Both),
        case("C calls C: map", &[&g("builtins", "list"), &g("builtins", "map"), &g("builtins", "abs"), b"](K\x01e\x86R\x85R"], "call builtins.abs", Both),
        case("C calls C: methodcaller", &[&g("operator", "methodcaller"), &s("getppid"), b"\x85R", &g("tm", "posix"), b"\x85R"], "call posix.getppid", Both),
        case("C calls Python: map", &[&g("builtins", "list"), &g("builtins", "map"), &g("tm", "pyf"), b"](K\x01e\x86R\x85R"], "call tm.pyf", Both),
        case("C calls Python: __next__", &[&g("builtins", "list"), &new("tm", "It"), b"\x85R"], "method tm.It.__next__", Both),
        case("C calls Python: __lt__", &[&g("builtins", "sorted"), b"](", &new("tm", "Cmp"), &new("tm", "Cmp"), b"e\x85R"], "method tm.Cmp.__lt__", Both),
        case("__init_subclass__", &[&g("builtins", "type"), &s("Z"), &g("tm", "Isub"), b"\x85}\x87R"], "method tm.Isub.__init_subclass__", Both),
        case("an instance of a new metaclass", &[&g("builtins", "type"), &s("M"), &g("builtins", "type"), b"\x85}\x87R(", &s("K1"), b")}tR)R"], "call *.K1", Both),
        case("a class whose __call__ is a C function", &[&g("builtins", "type"), &s("W"), b")}", &s("__call__"), &g("posix", "getppid"), b"s\x87R)R)R"], "call posix.getppid", Both),
        case("a codec in Python", &[&call("_codecs", "encode", &[s("a"), s("rot13")].concat())], "call encodings.rot_13.getregentry", Both),
        case("eval", &[&call("builtins", "eval", &s("__import__('posix').getppid()"))], "call posix.getppid", Both),
        case("os.system", &[&call("os", "system", &s("true"))], "call posix.system", Both),
        case("getattr gives a method", &[&g("builtins", "getattr"), &g("builtins", "str"), &s("upper"), b"\x86R", &s("a"), b"\x85R"], "call builtins.str.upper", Both),
        case("a method by STACK_GLOBAL", &[&s("builtins"), &s("str.upper"), b"\x93", &s("a"), b"\x85R"], "call builtins.str.upper", Both),
        case("a generator", &[&g("builtins", "next"), &g("tm", "gen"), b")R\x85R"], "call tm.gen", Both),
        case("Python calls Python", &[&call("tm", "outer", b"")], "call tm.inner", Both),
        case("Python calls C", &[&call("tm", "outer", b"")], "call posix.getppid", Both),
        case("warm bytecode calls C", &[&call("tm", "warm", b"M\xd0\x07")], "call posix.getppid", Both),
        case("Python calls what it is given", &[&g("tm", "call_it"), &g("posix", "getppid"), b"\x85R"], "call posix.getppid", Both),
        case("the last call of many", &[&call("tm", "last", b"")], "call posix.getppid", Both),
    ]
}

/// Methods and calls count as either: below 3.11 code does not know its qualified name, and a
/// special method can be called by name. `*` stands for any module.
fn fits(seen: &str, expected: &str) -> bool {
    let plain = |touch: &str| touch.replacen("method ", "call ", 1);
    let (seen, expected) = (plain(seen), plain(expected));
    match expected.split_once('*') {
        Some((before, after)) => seen.starts_with(before) && seen.ends_with(after),
        None => seen == expected,
    }
}

fn check(engine: Engine) {
    let mut oracle = oracle_for(pythons());
    let mut wrong = Vec::new();
    for python in 0..oracle.pythons().len() {
        let version = oracle.pythons()[python].version.clone();
        for case in cases() {
            let seen = oracle.full(python, engine.into(), &case.pickle).unwrap();
            let touches = shown(&seen);
            // A class is also "called" when its module defines it.
            let own = seen.touched.iter().map(|touch| case.seen == Both || touch.by.is_none());
            let expected = match case.seen {
                Both => true,
                PyOnly => engine == Engine::Py,
                Nowhere => false,
            };
            let found = touches.iter().zip(own).any(|(touch, own)| own && fits(touch, case.touch));
            let died = !matches!(seen.outcome, Outcome::Loaded | Outcome::Raised);
            if found != expected || died || !seen.complete {
                wrong.push(format!(
                    "{version} {}: expected {:?} {}: {:?} {:?}\n    {}",
                    case.name,
                    case.touch,
                    if expected { "to be seen" } else { "not to be seen" },
                    seen.outcome,
                    seen.exception,
                    touches.join("\n    ")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_c_unpickler_is_seen_through() {
    check(Engine::CLoads);
}

#[test]
fn the_pure_python_unpickler_is_seen_through() {
    check(Engine::Py);
}
