// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

//! A client of a Graft platform.
//!
//! [`Client::builder`] sets a [`Client`] up, which offers each class of methods as a function. A method is called as it
//! is named; with `start_` before its name it runs as a [`Task`], which may be waited for. What fails is an [`Error`].

// Texts of the declarations are as they are, and so is what they declare.
#![allow(
    clippy::approx_constant,
    clippy::doc_lazy_continuation,
    clippy::doc_overindented_list_items,
    clippy::enum_variant_names,
    clippy::excessive_precision,
    clippy::module_inception,
    clippy::needless_update,
    clippy::should_implement_trait,
    clippy::too_many_arguments,
    clippy::type_complexity,
    clippy::wrong_self_convention,
    rustdoc::all
)]
#![forbid(unsafe_code)]

// Its macros come first.
#[macro_use]
mod runtime;

mod client;
mod errors;
mod methods;
mod types;

pub use client::{Client, API_DIGEST};
pub use errors::*;
pub use methods::*;
pub use runtime::{
    tcp_stream, AnswerError, ApiError, ClientBuilder, Connect, DateTime, Decode, Encode, FloatKey,
    HttpTransport, Json, Misfit, Request, Response, Stream, Task, TaskInfo, TaskStatus, TcpConnect,
    Transport, TransportError,
};
pub use types::*;

/// What a call comes to.
pub type Result<T> = std::result::Result<T, Error>;

pub(crate) const USER_AGENT: &str = "graft-client/0.1.0 (graft-sdk; rust)";
