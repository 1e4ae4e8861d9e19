//! Two clocks: the wall's, and that of the processor, which a busy machine upsets less.

use std::time::Instant;

/// What one round of one thing took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// Loads or forks done.
    pub count: f64,
    /// Seconds by the wall's clock.
    pub wall: f64,
    /// Seconds of processor time, of this process, those named and all their children.
    pub cpu: f64,
}

/// Times `work`, which says how much it did and may correct the wall's seconds.
pub fn time<E>(
    processes: &[u32],
    work: impl FnOnce() -> Result<(usize, Option<f64>), E>,
) -> Result<Taken, E> {
    let (before, begin) = (spent(processes), Instant::now());
    let (count, own) = work()?;
    let wall = own.unwrap_or_else(|| begin.elapsed().as_secs_f64());
    // A process that was replaced meanwhile takes its account with it.
    let cpu = (spent(processes) - before).max(0.0);
    Ok(Taken { count: count as f64, wall, cpu })
}

fn spent(processes: &[u32]) -> f64 {
    processes.iter().copied().chain([std::process::id()]).map(of_process).sum()
}

/// Processor time of a process and its reaped children, in seconds.
fn of_process(id: u32) -> f64 {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{id}/stat")) else { return 0.0 };
    // The name in parentheses may hold spaces; utime to cstime are the 14th to 17th field.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(4).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / rustix::param::clock_ticks_per_second() as f64
}
