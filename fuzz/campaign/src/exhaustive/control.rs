//! The positive control of an exhaustive campaign: the programs of one symbol, judged by the
//! weakened analyser. Each of its holes shows in one of them.

use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use assay_differential::{Load, Witness as _};
use assay_generator::exhaustive::{Alphabet, Space};
use assay_oracle::Run;

use crate::batch::is_suspicious;
use crate::worker::{Event, Worker};
use crate::{Result, pursue};

/// Hunts for the planted hole, unless it was found.
pub fn hunt(worker: &mut Worker<'_, '_>, space: Space, events: &SyncSender<Event>) -> Result<()> {
    if worker.shared.control_found.load(Ordering::Relaxed) {
        return Ok(());
    }
    let alphabet = Alphabet::standard();
    let one_symbol = (0..space.programs()).map(|number| space.program(number));
    let pickles: Vec<Vec<u8>> = one_symbol
        .take_while(|program| program.len() <= 1)
        .map(|program| alphabet.pickle(&program))
        .collect();
    let refs: Vec<&[u8]> = pickles.iter().map(Vec::as_slice).collect();
    let judgements = worker.control.subject.judge_batch(&refs);
    let engines = &worker.shared.config.engines;
    let Some(&engine) = engines.iter().find(|engine| engine.loads()) else { return Ok(()) };
    let seen = worker.oracle.deny(Load { python: 0, run: Run::from(engine) }, &refs)?;
    for ((pickle, judgement), seen) in refs.iter().zip(&judgements).zip(&seen) {
        if is_suspicious(judgement, seen) {
            pursue::control(worker, pickle, events)?;
        }
    }
    Ok(())
}
