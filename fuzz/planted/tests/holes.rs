//! Every hole is real: its witness passes the scanner that has it, does not pass the one that has
//! none, and does harm.

mod witnesses;

use assay_analyzer::Policy;
use assay_differential::offences;
use assay_oracle::{Engine, Mode, Oracle, OracleConfig, Run};
use assay_planted::{Grade, HOLES, Scanner, Verdict, hole};
use assay_subjects::JudgeBy;

#[test]
fn each_hole_lets_its_witness_pass_and_the_base_does_not() {
    for (name, witness) in witnesses::all() {
        let flawed = hole(name).unwrap_or_else(|| panic!("{name}")).scanner();
        assert_eq!(flawed.scan(&witness), Verdict::Safe, "{name}");
        assert_ne!(Scanner::base().scan(&witness), Verdict::Safe, "{name}");
    }
}

#[test]
fn every_hole_has_a_witness_and_says_where_it_is_from() {
    let witnesses = witnesses::all();
    for hole in &HOLES {
        assert_eq!(witnesses.iter().filter(|(name, _)| *name == hole.name).count(), 1);
        assert!(hole.source.contains("https://"), "{}", hole.name);
    }
    for grade in [Grade::Easy, Grade::Middle, Grade::Hard] {
        assert!(HOLES.iter().filter(|hole| hole.grade == grade).count() >= 8, "{grade}");
    }
}

#[test]
fn each_witness_has_an_effect() {
    let policy = Policy::load(&["stdlib"]).unwrap();
    let mut oracle = Oracle::new(OracleConfig::new(assay_oracle::discover())).unwrap();
    for (name, witness) in witnesses::all() {
        let mut felt = false;
        for python in 0..oracle.pythons().len() {
            for engine in Engine::ALL.into_iter().filter(|engine| engine.loads()) {
                let run = Run { engine, mode: Mode::default() };
                let seen = oracle.full_batch(python, run, &[&witness]).unwrap();
                felt |= !offences(JudgeBy::Effects, &policy, &seen[0]).is_empty();
            }
        }
        assert!(felt, "{name}");
    }
}

/// What CPython writes for data passes the base, or it would measure nothing.
#[test]
fn harmless_pickles_pass_the_base() {
    let harmless: [&[u8]; 9] = [
        b"N.",
        b"(lp0\nI1\naS'x'\np1\nag1\na.",
        b"ccollections\nOrderedDict\n)R.",
        b"\x80\x04\x95\x0a\x00\x00\x00\x00\x00\x00\x00\x8c\x03abc\x94h\x00\x86.",
        b"\x80\x02cdatetime\ndate\nM\xe8\x07K\x01K\x02\x87R.",
        b"\x80\x02c_codecs\nencode\nX\x01\0\0\0aX\x06\0\0\0latin1\x86R.",
        b"\x80\x04\x8c\x0bcollections\x94\x8c\x05deque\x94\x93\x94)R\x94(K\x01K\x02e.",
        b"\x80\x04\x8f(K\x01K\x02\x90}(K\x01\x8c\x01au\x86.",
        b"N.N.",
    ];
    for pickle in harmless {
        let verdict = Scanner::base().scan(pickle);
        assert_eq!(verdict, Verdict::Safe, "{}", pickle.escape_ascii());
    }
}

/// Whatever is not harmless by every reading does not pass the base.
#[test]
fn what_unpicklers_may_read_differently_does_not_pass_the_base() {
    let doubtful: [&[u8]; 12] = [
        b"",
        b"\x82\x01.",
        b"Pos\n.",
        b"\x8c\x02osK\x01\x93.",
        b"ccollections\nOrderedDict.fromkeys\n.",
        b"h\x00.",
        b"\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00N.",
        b"\x95\x04\x00\x00\x00\x00\x00\x00\x00N.N.",
        b"N.\0",
        b"(.",
        b"ccollections\nOrderedDict\n(S'x'\ntR.",
        b"ccollections\nOrderedDict\n)R}b.",
    ];
    for pickle in doubtful {
        assert_ne!(Scanner::base().scan(pickle), Verdict::Safe, "{}", pickle.escape_ascii());
    }
    let deep = [b")".to_vec(), b"\x85".repeat(100_000), b".".to_vec()].concat();
    assert_ne!(Scanner::base().scan(&deep), Verdict::Safe);
}

/// Who asks each part of a tuple anew is never done with this one, a key of a dict.
#[test]
fn shared_parts_are_looked_at_once() {
    let shared = [b"}K\x01".to_vec(), b"2\x86".repeat(60), b"Ns.".to_vec()].concat();
    assert_eq!(Scanner::base().scan(&shared), Verdict::Safe);
}
