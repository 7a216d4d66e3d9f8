//! Calls that run on the platform.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::calls::{api_error, quoted, read, Call, Connection, Verb};
use super::codec::{Decode, Decoded, Object};
use super::json::Json;
use super::time::DateTime;
use super::AnswerError;
use crate::{Client, Error, Result};

/// How long one request waits for the end of a task.
const STEP: Duration = Duration::from_secs(30);
const MAX_WAIT: Duration = Duration::from_secs(60);

/// How a task stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskStatus {
    /// It waits or runs.
    Pending,
    /// It has ended with a result.
    Success,
    /// It has ended with an error.
    Failure,
    /// It was asked to stop, and has not ended yet.
    Cancelling,
    /// It was stopped.
    Cancelled,
    /// What a newer platform tells.
    Unrecognized(String),
}

impl TaskStatus {
    /// Whether the task will not change any more.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Success | Self::Failure | Self::Cancelled)
    }

    fn of(text: String) -> Self {
        match text.as_str() {
            "pending" => Self::Pending,
            "success" => Self::Success,
            "failure" => Self::Failure,
            "cancelling" => Self::Cancelling,
            "cancelled" => Self::Cancelled,
            _ => Self::Unrecognized(text),
        }
    }
}

/// What is known of a task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskInfo {
    /// The task's reference.
    pub reference: String,
    /// That of the method.
    pub name: String,
    /// How it stands.
    pub status: TaskStatus,
    /// From 0 to 1.
    pub progress: f64,
    /// When it was started.
    pub created: Option<DateTime>,
    /// When it ended.
    pub finished: Option<DateTime>,
    /// What it has ended with.
    pub error: Option<Error>,
}

impl TaskInfo {
    fn of(json: Json) -> Decoded<(Self, Json)> {
        let mut object = Object::of(json)?;
        let error: Option<Json> = object.take("error")?;
        let error = error.filter(|json| *json != Json::Null).map(api_error);
        let info = Self {
            reference: object.require("ref")?,
            name: object.require("name")?,
            status: TaskStatus::of(object.require("status")?),
            progress: object.take("progress")?.unwrap_or_default(),
            created: object.take("created")?.unwrap_or_default(),
            finished: object.take("finished")?.unwrap_or_default(),
            error: error.transpose()?.map(Error::of),
        };
        Ok((info, object.take("result")?.unwrap_or_default()))
    }
}

/// A call that runs on the platform; nobody has to wait for it.
pub struct Task<T> {
    connection: Arc<Connection>,
    reference: String,
    result: PhantomData<fn() -> T>,
}

impl<T: Decode> Task<T> {
    pub(crate) fn start(client: &Client, call: Call) -> Result<Self> {
        Ok(Self {
            connection: Arc::clone(&client.connection),
            reference: client.connection.start(call)?,
            result: PhantomData,
        })
    }

    /// The task's reference.
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// Asks how the task stands. The answer comes when it has ended, at the latest after the wait, of which a minute
    /// counts at most.
    ///
    /// # Errors
    ///
    /// There is no such task, or it is another user's, or there is no answer.
    pub fn info(&self, wait: Duration) -> Result<TaskInfo> {
        Ok(self.ask(wait)?.0)
    }

    /// Asks how the task stands now.
    ///
    /// # Errors
    ///
    /// As for [`Task::info`].
    pub fn status(&self) -> Result<TaskStatus> {
        Ok(self.info(Duration::ZERO)?.status)
    }

    /// Waits until the task has ended, and returns what the method answers.
    ///
    /// # Errors
    ///
    /// The method's own, [`Error::TaskCancelled`], [`Error::Unfinished`] where the timeout is over: the task goes on
    /// then, and may be waited for again; and as for [`Task::info`].
    pub fn wait(&self, timeout: Option<Duration>) -> Result<T> {
        let begun = Instant::now();
        loop {
            let left = timeout.map_or(STEP, |limit| limit.saturating_sub(begun.elapsed()));
            let (info, result) = self.ask(left.min(STEP))?;
            if let Some(error) = info.error {
                return Err(error);
            }
            if info.status == TaskStatus::Success {
                return read(result);
            }
            if info.status.is_final() {
                let reason = format!("the task ended as {:?}, without an error", info.status);
                return Err(AnswerError::new(reason).into());
            }
            if timeout.is_some_and(|limit| begun.elapsed() >= limit) {
                return Err(Error::Unfinished(self.reference.clone()));
            }
        }
    }

    /// Asks the task to stop; what it runs is killed. One that has ended stays as it is.
    ///
    /// # Errors
    ///
    /// As for [`Task::info`].
    pub fn cancel(&self) -> Result<()> {
        self.act("POST", "/cancel", Duration::ZERO)?;
        Ok(())
    }

    /// Lets the platform forget the task.
    ///
    /// # Errors
    ///
    /// As for [`Task::info`].
    pub fn destroy(&self) -> Result<()> {
        self.act("DELETE", "", Duration::ZERO)?;
        Ok(())
    }

    fn ask(&self, wait: Duration) -> Result<(TaskInfo, Json)> {
        let wait = wait.min(MAX_WAIT);
        let query = if wait.is_zero() {
            String::new()
        } else {
            format!("?wait={:.3}", wait.as_secs_f64())
        };
        TaskInfo::of(self.act("GET", &query, wait)?).map_err(|misfit| {
            Error::Answer(AnswerError::new(format!(
                "what is told of a task cannot be read: {misfit}"
            )))
        })
    }

    fn act(&self, method: &'static str, end: &str, extra: Duration) -> Result<Json> {
        self.connection.with_session(&Verb {
            method,
            path: format!("/api/v1/tasks/{}{end}", quoted(&self.reference)),
            body: Vec::new(),
            extra,
            sessionless: false,
            repeatable: method != "DELETE",
        })
    }
}

impl<T> Clone for Task<T> {
    fn clone(&self) -> Self {
        Self {
            connection: Arc::clone(&self.connection),
            reference: self.reference.clone(),
            result: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_tuple("Task").field(&self.reference).finish()
    }
}

impl<T> fmt::Display for Task<T> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.reference)
    }
}
