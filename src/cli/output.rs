//! Printing: results to standard output, diagnostics to standard error.

use std::io::{self, Write as _};

use serde::Serialize;

/// Prints a line.
///
/// # Errors
/// When standard output is gone.
pub(crate) fn line(text: impl AsRef<str>) -> anyhow::Result<()> {
    writeln!(io::stdout().lock(), "{}", text.as_ref())?;
    Ok(())
}

/// Prints text as it is.
///
/// # Errors
/// When standard output is gone.
pub(crate) fn text(text: impl AsRef<str>) -> anyhow::Result<()> {
    io::stdout().lock().write_all(text.as_ref().as_bytes())?;
    Ok(())
}

/// Prints one JSON document on one line.
///
/// # Errors
/// When standard output is gone.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string(value)?)
}

/// Prints a failure as one line: what failed, then each cause that says something new.
pub(crate) fn error(error: &anyhow::Error) {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    // Nobody can be told when standard error is gone.
    drop(writeln!(io::stderr().lock(), "ledgerline: {text}"));
}

/// Whether the reader of standard output went away, as `head` does.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    })
}
