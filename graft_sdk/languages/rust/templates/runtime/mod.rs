//! What the SDKs of all APIs have in common.

mod calls;
mod client;
mod codec;
mod error;
mod json;
#[allow(unused_macros)]
#[macro_use]
mod macros;
mod task;
mod time;
mod transport;

/// What types and methods are made of; no API needs all of it.
#[allow(unused_imports)]
pub(crate) mod prelude {
    pub(crate) use std::collections::BTreeMap;

    pub(crate) use super::calls::Call;
    pub(crate) use super::codec::{FloatKey, Key, Members, Object};
    pub(crate) use super::json::Json;
    pub(crate) use super::task::Task;
    pub(crate) use super::time::{moment, DateTime};
    pub(crate) use crate::{Client, Result};
}

pub(crate) use calls::Connection;
pub use client::ClientBuilder;
pub use codec::{Decode, Encode, FloatKey, Misfit};
pub use error::{AnswerError, ApiError, TransportError};
pub use json::Json;
pub use task::{Task, TaskInfo, TaskStatus};
pub use time::DateTime;
pub use transport::{
    tcp_stream, Connect, HttpTransport, Request, Response, Stream, TcpConnect, Transport,
};
