//! The generator: entropy in, pickles out. It loads nothing and judges nothing.

use std::sync::LazyLock;

use arbitrary::Unstructured;
use assay_corpus::Gadget;

use crate::Profile;
use crate::choices::Choices;
use crate::config::{Config, SafeGlobal};
use crate::emitter::Emitter;
use crate::features::Features;
use crate::grammar::Grammar;
use crate::near_miss::Tweak;
use crate::random::Xoshiro;

/// Bytes of entropy that a seeded pickle of no opcodes may take; each opcode adds to it.
const ENTROPY: usize = 320;

/// Generates pickles.
#[derive(Debug)]
pub struct Generator {
    config: Config,
    grammar: Grammar,
}

impl Generator {
    /// A generator of what `config` asks for.
    pub fn new(config: Config) -> Self {
        let grammar = Grammar::new(config.profile, config.safe_globals.clone());
        Self { config, grammar }
    }

    /// What it was asked for.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Generates one pickle, or a stream of several, from entropy. The same entropy gives the
    /// same bytes; none at all gives a small one.
    pub fn generate(&self, entropy: &mut Unstructured<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        self.generate_into(entropy, &mut out);
        out
    }

    /// Generates as [`Self::generate`] does, appending to `out`.
    pub fn generate_into(&self, entropy: &mut Unstructured<'_>, out: &mut Vec<u8>) {
        self.write(Choices::new(entropy), out);
    }

    fn write(&self, choices: Choices<'_, '_>, out: &mut Vec<u8>) {
        let mut emitter = Emitter::new(choices, &self.grammar, self.config.max_opcodes, out);
        emitter.protocol = match self.config.protocol {
            Some(protocol) => protocol.min(5),
            None => emitter.choices.below(6) as u8,
        };
        emitter.features = Features::draw(&mut emitter.choices);
        emitter.program(self.config.profile);
    }
}

/// Writes the pickle of number `index` under `seed` to `out`, which is cleared before. The same
/// seed, index and configuration give the same bytes.
pub fn generate_seeded(generator: &Generator, seed: u64, index: u64, out: &mut Vec<u8>) {
    out.clear();
    let entropy = ENTROPY + generator.config.max_opcodes * 16;
    generator.write(Choices::seeded(Xoshiro::new(seed, index), entropy), out);
}

/// The plainest pickle of a gadget at a protocol: one that a scanner has no excuse to miss.
pub fn gadget_pickle(gadget: &Gadget, protocol: u8) -> Vec<u8> {
    static GRAMMAR: LazyLock<Grammar> =
        LazyLock::new(|| Grammar::new(Profile::Attack, SafeGlobal::all()));
    let mut out = Vec::new();
    // No entropy: every choice is the first alternative, which is the plain one.
    let mut entropy = Unstructured::new(&[]);
    let mut emitter = Emitter::new(Choices::new(&mut entropy), &GRAMMAR, 1000, &mut out);
    emitter.protocol = protocol.clamp(gadget.min_protocol, gadget.max_protocol).min(5);
    emitter.features = Features::NONE;
    emitter.start();
    emitter.gadget(gadget);
    emitter.finish();
    drop(emitter);
    out
}

/// A pickle of one benign idiom at a protocol, its holes filled from entropy.
pub fn idiom_pickle(idiom: &SafeGlobal, protocol: u8, entropy: &mut Unstructured<'_>) -> Vec<u8> {
    static GRAMMAR: LazyLock<Grammar> =
        LazyLock::new(|| Grammar::new(Profile::Data, SafeGlobal::all()));
    let mut out = Vec::new();
    let mut emitter = Emitter::new(Choices::new(entropy), &GRAMMAR, 1000, &mut out);
    emitter.protocol = protocol.clamp(idiom.min_protocol, idiom.max_protocol).min(5);
    emitter.features = Features::draw(&mut emitter.choices).plain();
    emitter.start();
    emitter.idiom(idiom, Tweak::Faithful);
    emitter.finish();
    drop(emitter);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_entropy_gives_a_small_pickle() {
        for profile in Profile::ALL {
            let generator = Generator::new(Config { profile, ..Config::default() });
            let pickle = generator.generate(&mut Unstructured::new(&[]));
            assert!(pickle.len() < 200, "{profile:?}: {} bytes", pickle.len());
        }
    }

    #[test]
    fn every_gadget_has_a_plain_pickle() {
        for gadget in assay_corpus::gadgets() {
            for protocol in 0..=5 {
                let pickle = gadget_pickle(gadget, protocol);
                let outcome = crate::check::check(&pickle);
                assert!(outcome.is_loadable(), "{} at {protocol}: {outcome:?}", gadget.id);
            }
        }
        let system = assay_corpus::gadgets().iter().find(|gadget| gadget.id == "os-system");
        assert_eq!(gadget_pickle(system.unwrap(), 0), b"cos\nsystem\n(Vtrue\ntR.");
    }

    #[test]
    fn a_seed_gives_the_same_pickles() {
        let generator = Generator::new(Config::default());
        let again = Generator::new(Config::default());
        let (mut one, mut two) = (Vec::new(), Vec::new());
        for index in 0..200 {
            generate_seeded(&generator, 7, index, &mut one);
            generate_seeded(&again, 7, index, &mut two);
            assert_eq!(one, two);
        }
    }
}
