use assay_oracle::{Effect, EffectKind, Resolved, TouchKind, Touched};
use assay_pickle::{Argument, Opcode, Program};
use assay_subjects::Judged;
use proptest::prelude::*;

use super::*;
use crate::machine::{self, Kind};
use crate::testing::{Good, observation, touch};

/// Loads by the machine of labels: asks for whatever the opcodes name, calls what they call.
struct Labels(Vec<String>, usize);

impl Witness for Labels {
    fn versions(&self) -> Vec<String> {
        self.0.clone()
    }

    fn load(
        &mut self,
        python: usize,
        run: Run,
        pickles: &[&[u8]],
    ) -> assay_oracle::Result<Vec<Observation>> {
        Ok(pickles.iter().map(|pickle| load(&self.0[python], run, pickle)).collect())
    }

    fn deny(&mut self, at: Load, pickles: &[&[u8]]) -> assay_oracle::Result<Vec<DenyObservation>> {
        let denied = |pickle: &&[u8]| {
            let seen = load(&self.0[at.python], at.run, pickle);
            let asked = |touched: &Touched| Resolved {
                module: touched.name.clone(),
                name: String::new(),
                allowed: false,
            };
            DenyObservation {
                outcome: seen.outcome,
                exception: None,
                message: None,
                resolved: seen.touched.iter().map(asked).collect(),
                persistent: 0,
                complete: true,
            }
        };
        Ok(pickles.iter().map(denied).collect())
    }

    fn filter(&mut self, at: Load, pickles: &[&[u8]]) -> assay_oracle::Result<Vec<Filtered>> {
        let seen = Witness::load(self, at.python, at.run, pickles)?;
        Ok(seen.into_iter().map(|observation| Filtered { observation, alone: false }).collect())
    }

    fn at_once(&self) -> usize {
        self.1
    }
}

fn load(python: &str, run: Run, pickle: &[u8]) -> Observation {
    let program = Program::parse(pickle);
    let streams = matches!(run.engine, Engine::CStream | Engine::CReuse);
    let ran = machine::run(&program.codes);
    let done = |step: &&machine::Step| streams || step.pickle == 0;
    let whole = ran.stopped && ran.fault.is_none() && program.tail.is_empty();
    let outcome = if whole { Outcome::Loaded } else { Outcome::Raised };
    let mut seen = observation(python, run.engine, outcome);
    for step in ran.steps.iter().filter(done) {
        let callee = match step.opcode {
            Opcode::Inst => match program.codes[step.index].view().argument {
                Argument::Name { module, name } => {
                    let text = String::from_utf8_lossy;
                    let name = format!("{}.{}", text(module), text(name));
                    seen.touched.push(touch(TouchKind::Resolve, &name, None));
                    Some(name)
                }
                _ => None,
            },
            Opcode::Reduce | Opcode::Obj => match &ran.values[step.took[0]].kind {
                Kind::Global(name) => Some(name.clone()),
                _ => None,
            },
            _ => {
                if let (Opcode::Global | Opcode::StackGlobal, Some(Kind::Global(name))) =
                    (step.opcode, ran.kind(step))
                {
                    seen.touched.push(touch(TouchKind::Resolve, name, None));
                }
                None
            }
        };
        if let Some(name) = callee {
            seen.touched.push(touch(TouchKind::Call, &name, None));
            if name == "os.system" {
                seen.effects.push(Effect { kind: EffectKind::Exec, detail: name });
            }
        }
    }
    seen
}

/// Says which pickles a scanner lets pass.
type Flaw = fn(&[u8]) -> bool;

/// A scanner that flags every global, but for one flaw.
struct Flawed(Flaw);

impl Subject for Flawed {
    fn judge(&mut self, pickle: &[u8]) -> Judgement {
        Judgement::new(if (self.0)(pickle) { Judged::Safe } else { Judged::Dangerous })
    }
}

fn names_none(codes: &[assay_pickle::Code], but: &[Opcode]) -> bool {
    codes.iter().all(|code| !crate::fault::names(code.opcode()) || but.contains(&code.opcode()))
}

fn skips_inst(pickle: &[u8]) -> bool {
    let program = Program::parse(pickle);
    program.tail.is_empty() && names_none(&program.codes, &[Opcode::Inst])
}

fn stops_at_the_first(pickle: &[u8]) -> bool {
    let codes = Program::parse(pickle).codes;
    let end = codes.iter().position(|code| code.opcode() == Opcode::Stop);
    end.is_some_and(|end| names_none(&codes[..end], &[]))
}

fn takes_faults_for_safe(pickle: &[u8]) -> bool {
    let program = Program::parse(pickle);
    let run = machine::run(&program.codes);
    !program.tail.is_empty()
        || !run.stopped
        || run.fault.is_some()
        || names_none(&program.codes, &[])
}

/// Each pickle's bucket, under one flaw.
fn buckets(
    flaw: fn(&[u8]) -> bool,
    by: JudgeBy,
    pythons: &[&str],
    pickles: &[&[u8]],
) -> Vec<String> {
    let mut subject = Flawed(flaw);
    let mut witness = Labels(pythons.iter().map(|python| (*python).to_owned()).collect(), 3);
    let mut bench = Bench {
        subject: &mut subject,
        witness: &mut witness,
        allowed: &Good,
        by,
        engines: &Engine::ALL,
    };
    pickles
        .iter()
        .map(|pickle| {
            let checked = bench.check(pickle, Hunt::Soundness).unwrap();
            let found = &checked.discrepancies[0];
            let traced = bench.trace(pickle, &checked, found, Budget::default()).unwrap().unwrap();
            assert_eq!(traced.discrepancy.class, Class::Unsound);
            assert!(Program::parse(&traced.minimized).codes.len() <= 6, "{:?}", traced.minimized);
            traced.bucket
        })
        .collect()
}

fn one(buckets: Vec<String>) -> String {
    assert!(buckets.iter().all(|bucket| *bucket == buckets[0]), "{buckets:#?}");
    buckets[0].clone()
}

#[test]
fn one_cause_is_one_bucket_and_causes_differ() {
    let inst: [&[u8]; 3] = [
        b"(S'id'\nios\nsystem\n.",
        b"\x80\x02]q\x00(K\x01K\x02e0(X\x02\0\0\0idios\nsystem\nq\x01.",
        b"N.\x80\x04(\x8c\x02idios\nsystem\n\x94.N.",
    ];
    let second: [&[u8]; 3] = [
        b"N.cos\nsystem\n(S'id'\ntR.",
        b"K\x01.(S'id'\nios\nsystem\n.",
        b"\x80\x04].\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x85R.",
    ];
    let faults: [&[u8]; 3] = [
        b"cos\nsystem\n(S'id'\ntR\xff",
        b"(S'id'\nios\nsystem\n00000.",
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x85R",
    ];
    let mut all = Vec::new();
    for by in [JudgeBy::Policy, JudgeBy::Effects] {
        all.push(one(buckets(skips_inst, by, &["3.11.7"], &inst)));
        all.push(one(buckets(stops_at_the_first, by, &["3.11.7"], &second)));
        all.push(one(buckets(takes_faults_for_safe, by, &["3.11.7"], &faults)));
    }
    assert_eq!(all[..3], all[3..], "the id hangs on what refutes");
    assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2], "{all:#?}");
    let elsewhere = one(buckets(skips_inst, JudgeBy::Policy, &["3.13.0", "3.9.18"], &inst));
    assert_eq!(elsewhere, all[0]);
}

#[test]
fn what_does_not_show_again_is_no_finding() {
    let mut subject = Flawed(|_| true);
    let mut witness = Labels(vec!["3.11.7".into()], 1);
    let mut bench = Bench {
        subject: &mut subject,
        witness: &mut witness,
        allowed: &Good,
        by: JudgeBy::Policy,
        engines: &[Engine::CLoads],
    };
    let checked = bench.check(b"cos\nsystem\n.", Hunt::All).unwrap();
    let found = &checked.discrepancies[0];
    assert!(bench.trace(b"N.", &checked, found, Budget::default()).unwrap().is_none());
}

/// What changes nothing about a cause.
fn dress() -> impl Strategy<Value = (Vec<u8>, Vec<u8>, u8)> {
    let noise = prop_oneof![
        Just(b"N0".to_vec()),
        Just(b"K\x070".to_vec()),
        Just(b"(K\x01K\x02t0".to_vec()),
        Just(b"]q\x20(K\x01e0".to_vec()),
        Just(b"}r\x40\x00\x00\x000".to_vec()),
        Just(b"I42\n0".to_vec()),
        Just(b"cgood\nf\n0".to_vec()),
    ];
    let several =
        || proptest::collection::vec(noise.clone(), 0..4).prop_map(|pieces| pieces.concat());
    (several(), several(), 0u8..4)
}

/// The payload in one of its encodings, called.
fn encoded(how: u8) -> &'static [u8] {
    match how {
        0 => b"cos\nsystem\n(S'id'\ntR",
        1 => b"\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R",
        2 => b"X\x02\x00\x00\x00osp5\n0Vsystem\nr\x09\x00\x00\x000g5\nh\x09\x93\x8c\x02id\x85R",
        _ => b"cos\nsystem\nq\x070h\x07(X\x02\x00\x00\x00idtR",
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn noise_encodings_and_memo_numbers_change_no_bucket(
        (before, after, how) in dress(),
        by in prop_oneof![Just(JudgeBy::Policy), Just(JudgeBy::Effects)],
    ) {
        let payload = encoded(how);
        let inst: &[u8] = b"(S'id'\nios\nsystem\n";
        let flaws: [(Flaw, &[u8], Vec<u8>); 3] = [
            (skips_inst, b"(S'id'\nios\nsystem\n.", [&before, inst, &after, b"."].concat()),
            (
                stops_at_the_first,
                b"N.cos\nsystem\n(S'id'\ntR.",
                [b"K\x05.", &*before, payload, &after, b"."].concat(),
            ),
            (
                takes_faults_for_safe,
                b"cos\nsystem\n(S'id'\ntR",
                [&before, payload, &after, b"\xff"].concat(),
            ),
        ];
        for (flaw, plain, dressed) in flaws {
            // A flaw that minds names passes over none in the noise.
            let dressed: Vec<u8> = if flaw(&dressed) { dressed } else { plain.to_vec() };
            let ids = buckets(flaw, by, &["3.11.7"], &[plain, &dressed]);
            prop_assert_eq!(&ids[0], &ids[1]);
        }
    }
}
