//! What the unpicklers do on their own account is not recorded, and the same functions are when
//! the pickle asks for them: reading lines, decoding text, making the exceptions they raise.

mod common;

use assay_oracle::{Engine, TouchKind};
use common::{g, oracle_for, pickle, pythons, s, shown};

/// Pickles that ask for what they name and call nothing.
fn only_resolve() -> Vec<Vec<u8>> {
    let own = [
        g("builtins", "EOFError"),
        g("builtins", "ValueError"),
        g("builtins", "AttributeError"),
        g("builtins", "TypeError"),
        g("builtins", "KeyError"),
        g("builtins", "IndexError"),
        g("builtins", "StopIteration"),
        g("builtins", "UnicodeDecodeError"),
        g("_pickle", "UnpicklingError"),
        g("pickle", "PickleError"),
        g("pickle", "_Stop"),
        g("_io", "BytesIO"),
        s("builtins"),
        s("bytes.decode"),
        b"\x93".to_vec(),
    ]
    .concat();
    // How the load goes on once the names are there.
    let ends: [&[u8]; 22] = [
        b".",
        b"",
        b"\xff.",
        b"0000000000000000000000000.",
        b"R.",
        b"}b.",
        b"NK\x01a.",
        b"NK\x01K\x02s.",
        b"](K\x01N\x90.",
        b"h\x7f.",
        b"gx\n.",
        b"Ix\n.",
        b"Fx\n.",
        b"Lx\n.",
        b"S'\n.",
        b"V\\ud800\n.",
        b"V\\x\n.",
        b"X\x03\0\0\0\xed\xa0\x80.",
        b"X\x01\0\0\0\xff.",
        b"U\x01\xff.",
        b"\x95\xff\0\0\0\0\0\0\0.",
        b"\x80\x09.",
    ];
    let mut out: Vec<Vec<u8>> = Vec::new();
    for end in ends {
        out.push([b"\x80\x04", own.as_slice(), end].concat());
        // The same within a frame, where the pure Python unpickler reads from another file.
        let body = [own.as_slice(), end].concat();
        let len = (body.len() as u64).to_le_bytes();
        out.push([b"\x80\x04\x95".as_slice(), &len, &body].concat());
    }
    out
}

#[test]
fn what_the_unpicklers_do_themselves_is_not_recorded() {
    let mut oracle = oracle_for(pythons());
    let pickles = only_resolve();
    let pickles: Vec<&[u8]> = pickles.iter().map(Vec::as_slice).collect();
    for python in 0..oracle.pythons().len() {
        for engine in Engine::ALL.into_iter().filter(|engine| engine.loads()) {
            let seen = oracle.full_batch(python, engine.into(), &pickles).unwrap();
            for (seen, pickle) in seen.iter().zip(&pickles) {
                let strange: Vec<String> = shown(seen)
                    .into_iter()
                    .filter(|touch| !touch.starts_with("resolve "))
                    .collect();
                let version = &oracle.pythons()[python].version;
                assert_eq!(
                    strange,
                    [""; 0],
                    "{version} {} {:?} {:?}",
                    engine.name(),
                    seen.exception,
                    pickle[pickle.len() - 12..].escape_ascii().to_string()
                );
            }
        }
    }
}

/// Why a call raises, the pure Python unpickler tells in its own words.
#[test]
fn what_is_said_of_a_call_that_raises_is_not_recorded() {
    let mut oracle = oracle_for(pythons());
    let set = g("builtins", "set");
    let forms = [pickle(&[b"(NNibuiltins\nset\n"]), pickle(&[b"(", &set, b"NNo"])];
    for python in 0..oracle.pythons().len() {
        for engine in Engine::ALL.into_iter().filter(|engine| engine.loads()) {
            for bytes in &forms {
                let seen = oracle.full(python, engine.into(), bytes).unwrap();
                let names: Vec<&str> =
                    seen.touched.iter().map(|touch| touch.name.as_str()).collect();
                let version = &oracle.pythons()[python].version;
                let engine = engine.name();
                assert!(
                    names.iter().all(|name| *name == "builtins.set"),
                    "{version} {engine}: {seen:?}"
                );
                assert!(names.len() > 1, "{version} {engine}: {seen:?}");
            }
        }
    }
}

/// The same functions and exceptions, asked for by every opcode that calls.
#[test]
fn the_same_is_recorded_when_the_pickle_asks_for_it() {
    let mut oracle = oracle_for(pythons());
    let names = [
        ("builtins", "EOFError"),
        ("builtins", "KeyError"),
        ("_pickle", "UnpicklingError"),
        ("builtins", "isinstance"),
        ("builtins", "len"),
        ("builtins", "getattr"),
        ("builtins", "int"),
        ("builtins", "str"),
        ("_io", "BytesIO"),
        ("_struct", "unpack"),
        ("sys", "intern"),
        ("_codecs", "escape_decode"),
    ];
    for python in 0..oracle.pythons().len() {
        for engine in Engine::ALL.into_iter().filter(|engine| engine.loads()) {
            for (module, name) in names {
                let f = g(module, name);
                let forms = [
                    pickle(&[&f, b"]\x85R"]),
                    pickle(&[b"(", &f, b"]o"]),
                    pickle(&[format!("(]i{module}\n{name}\n").as_bytes()]),
                ];
                for bytes in forms {
                    let seen = oracle.full(python, engine.into(), &bytes).unwrap();
                    let full = format!("{module}.{name}");
                    let called = seen.touched.iter().any(|touch| {
                        touch.kind == TouchKind::Call && touch.name == full && touch.by.is_none()
                    });
                    let version = &oracle.pythons()[python].version;
                    assert!(
                        called,
                        "{version} {} {}: {seen:?}",
                        engine.name(),
                        bytes.escape_ascii()
                    );
                }
            }
        }
    }
}
