//! What the workshop says while it works: a spinner on a terminal, one plain line elsewhere. On standard
//! error, because some verbs have data for standard output.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// One long step, from its title to its duration.
pub(crate) struct Step {
    title: String,
    started: Instant,
    spinner: Option<ProgressBar>,
}

impl Step {
    pub(crate) fn begin(title: impl Into<String>) -> Self {
        let title = title.into();
        let spinner = (io::stdout().is_terminal() && io::stderr().is_terminal()).then(|| {
            let spinner = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg:.dim}") {
                spinner.set_style(style);
            }
            spinner.set_prefix(title.clone());
            spinner.enable_steady_tick(Duration::from_millis(100));
            spinner
        });
        if spinner.is_none() {
            eprintln!("· {title} …");
        }
        Self { title, started: Instant::now(), spinner }
    }

    /// What is being done just now; shown where a line can be written over.
    pub(crate) fn tell(&self, now: &str) {
        if let Some(spinner) = &self.spinner {
            spinner.set_message(now.to_owned());
        }
    }

    pub(crate) fn done(self, outcome: &str) {
        let took = seconds(self.started.elapsed());
        let outcome = if outcome.is_empty() { String::new() } else { format!(": {outcome}") };
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
            eprintln!("✓ {}{outcome} ({took})", self.title);
        } else if !outcome.is_empty() {
            eprintln!("  {}{outcome} ({took})", self.title);
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

/// A duration as people say it.
pub(crate) fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    if whole >= 60 {
        format!("{} min {} s", whole / 60, whole % 60)
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// Why the workshop stopped, and no more than that.
pub(crate) fn failure(error: &anyhow::Error) {
    // Standard output first, so that the reason is the last thing read.
    let _ = io::stdout().flush();
    let _ = writeln!(io::stderr(), "\nxtask: {error:#}");
}
