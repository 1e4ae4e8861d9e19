//! Where things are printed: results on standard output, everything else on standard error.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use anyhow::Result;
use serde::Serialize;

/// What is grave.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What is in doubt.
pub const DOUBT: Style = AnsiColor::Yellow.on_default().bold();
/// What is well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What stands back.
pub const DIM: Style = Style::new().dimmed();
/// What is named.
pub const BOLD: Style = Style::new().bold();

/// Standard output, for results only. Colours are dropped where nobody would see them.
pub struct Output {
    stdout: BufWriter<Stdout>,
    colours: bool,
    /// On a terminal each line is wanted as it comes, elsewhere all are wanted soon.
    eager: bool,
}

impl Output {
    /// Standard output.
    pub fn stdout() -> Self {
        let stdout = io::stdout();
        let colours = AutoStream::choice(&stdout) != ColorChoice::Never;
        let eager = stdout.is_terminal();
        Self { stdout: BufWriter::with_capacity(1 << 16, stdout), colours, eager }
    }

    /// One line of JSON.
    pub fn json(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.stdout, value)?;
        self.raw(b"\n")
    }

    /// One line for people.
    pub fn line(&mut self, line: impl fmt::Display) -> Result<()> {
        let line = format!("{line}\n");
        if self.colours {
            self.raw(line.as_bytes())
        } else {
            self.raw(strip_str(&line).to_string().as_bytes())
        }
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.stdout.write_all(bytes)?;
        if self.eager {
            self.stdout.flush()?;
        }
        Ok(())
    }

    /// Everything out, now.
    pub fn flush(&mut self) -> Result<()> {
        self.stdout.flush()?;
        Ok(())
    }
}

/// An error, in one line.
pub fn error(message: &str) {
    let line = message.split('\n').map(str::trim).filter(|part| !part.is_empty());
    let line = line.collect::<Vec<_>>().join("; ");
    let _ = writeln!(anstream::stderr(), "{BAD}assay:{BAD:#} {line}");
}

/// What an error says and what caused it, each once: some messages have their cause in them.
pub fn chain(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| {
        match (told.is_empty(), told.contains(&cause)) {
            (true, _) => cause,
            (_, true) => told,
            _ => format!("{told}: {cause}"),
        }
    })
}

/// Something that people may want to know and scripts don't.
pub fn note(quiet: bool, message: impl fmt::Display) {
    if !quiet {
        let _ = writeln!(anstream::stderr(), "{message}");
    }
}

/// Whether the error only says that nobody reads on.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>().map(io::Error::kind);
        let json =
            cause.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
        io.or(json) == Some(io::ErrorKind::BrokenPipe)
    })
}

/// Whether `NO_COLOR` and the terminal allow colours on standard error.
pub fn colours_on_stderr() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}
