//! Log messages for the host.

use std::sync::Arc;

use super::Store;
use super::hooks::{Event, Hooks};
use crate::token::SharedToken;

/// Severity of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// No message has this level yet.
    Error = 1,
    /// An instance could not be configured, initialized or shut down.
    Warn = 2,
    /// An instance changed its state.
    Info = 3,
    /// An event of a token.
    Debug = 4,
}

/// Receives log messages.
pub trait Log: Send + Sync {
    /// Writes a message. `target` is the part of the library that it is about.
    fn log(&self, level: LogLevel, target: &str, message: &str);
}

/// Hooks that log the events of tokens.
pub(crate) struct EventLog(Arc<dyn Log>);

impl EventLog {
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self(log)
    }
}

impl Hooks for EventLog {
    fn call(&self, _: &Arc<Store>, event: Event, token: &SharedToken) {
        let what = match event {
            Event::Created { .. } => "was created",
            Event::Updated => "was updated",
            Event::Invalidated => "was invalidated",
            Event::ExpiredUse => "is expired and was refused",
            Event::Used => "was used",
            Event::Deleted => "was deleted",
        };
        // Quoted, because a name can contain a line break, which would forge a line of the log.
        let message =
            format!("token {} of {:?} {what}", token.redacted(), token.record().user().as_str());
        self.0.log(LogLevel::Debug, "rbtoken.store", &message);
    }
}
