//! What errors are made of.

use std::fmt;
use std::time::Duration;

/// An error that the platform answers with: it has refused a call, or the method has failed.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ApiError {
    /// What has happened, such as `SESSION_INVALID`.
    pub code: String,
    /// The code's parameters.
    pub params: Vec<String>,
    /// A sentence for people; it may be empty.
    pub message: String,
    /// That of HTTP; 0 where the error is that of a task.
    pub status: u16,
    /// When the call may be tried again, where the platform says so.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    /// Returns a parameter; it is empty where the platform has left it out.
    pub(crate) fn param(&self, place: usize) -> String {
        self.params.get(place).cloned().unwrap_or_default()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            write!(to, "{}[{}]", self.code, self.params.join(", "))
        } else {
            write!(to, "{}: {}", self.code, self.message)
        }
    }
}

/// There was no answer: the platform cannot be reached, or the time was up. The call may have been carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    reason: String,
}

impl TransportError {
    /// Tells why there was no answer.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "no answer: {}", self.reason)
    }
}

impl std::error::Error for TransportError {}

/// There was an answer that is none of this interface, or does not fit what this crate was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerError {
    reason: String,
}

impl AnswerError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

impl fmt::Display for AnswerError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.reason)
    }
}

impl std::error::Error for AnswerError {}
