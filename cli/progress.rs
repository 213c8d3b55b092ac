//! A progress bar on a terminal.

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;

/// Shows the progress of a transfer, and ends it after Ctrl-C.
pub struct Progress {
    bar: ProgressBar,
    interrupt: Interrupt,
}

impl Progress {
    /// Creates a bar, which is hidden unless the standard error is a terminal.
    pub fn new(output: &Output, what: &'static str) -> Result<Self, Failure> {
        let target = match stderr().is_terminal() && !output.is_quiet() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(0), target).with_message(what);
        let template = "{msg} {wide_bar} {human_pos}/{human_len} {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Ok(Self { bar, interrupt: Interrupt::defer()? })
    }

    /// Returns an error if there was a signal.
    pub fn check(&self) -> rbtoken::Result<()> {
        self.interrupt.check()
    }

    /// Shows how many tokens are done. The library calls this.
    pub fn update(&self, done: u64, total: u64) -> rbtoken::Result<()> {
        self.bar.set_length(total);
        self.bar.set_position(done);
        self.check()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
