//! Sessions, requests and answers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::codec::{Decode, Encode, Members, Object};
use super::json::Json;
use super::transport::{Request, Response, Transport};
use super::{AnswerError, ApiError, Misfit};
use crate::{Error, Result, USER_AGENT};

const SESSION_INVALID: &str = "SESSION_INVALID";

/// A call that has been written, and waits to be made.
pub(crate) struct Call {
    method: String,
    /// Whether it is sent without a session where none is open.
    pub(crate) sessionless: bool,
    /// Whether it is as good twice as once.
    pub(crate) repeatable: bool,
    pub(crate) members: Members,
    /// Arguments by their places instead.
    places: Option<Vec<Json>>,
}

impl Call {
    pub(crate) fn new(method: &str) -> Self {
        Self {
            method: method.to_owned(),
            sessionless: false,
            repeatable: false,
            members: Members::default(),
            places: None,
        }
    }

    /// Writes a call of a method that nobody has declared.
    pub(crate) fn undeclared(method: &str, params: &[Json]) -> Self {
        Self {
            places: Some(params.to_vec()),
            ..Self::new(method)
        }
    }

    pub(crate) fn put<T: Encode + ?Sized>(&mut self, name: &str, value: &T) {
        self.members.put(name, value);
    }

    fn into_request(self, prefix: &str) -> Verb {
        let body = match self.places {
            Some(params) => Json::Array(params),
            None => Json::Object(self.members.0),
        };
        Verb {
            method: "POST",
            path: format!("/api/v1/methods/{prefix}{}", quoted(&self.method)),
            body: body.to_string().into_bytes(),
            extra: Duration::ZERO,
            sessionless: self.sessionless && prefix.is_empty(),
            repeatable: self.repeatable && prefix.is_empty(),
        }
    }
}

/// A request without its credentials.
pub(crate) struct Verb {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    /// Time that the answer may take besides.
    pub(crate) extra: Duration,
    /// Whether it is sent without a session where none is open.
    pub(crate) sessionless: bool,
    /// Whether it is sent again where a connection that was kept has ended with it on its way.
    pub(crate) repeatable: bool,
}

/// A platform, and a session on it.
pub(crate) struct Connection {
    pub(crate) url: String,
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) timeout: Duration,
    pub(crate) originator: String,
    pub(crate) login: Option<(String, String)>,
    pub(crate) session: Mutex<Session>,
}

#[derive(Default)]
pub(crate) struct Session {
    pub(crate) reference: Option<String>,
    /// Whether it was opened here.
    pub(crate) own: bool,
}

impl Connection {
    pub(crate) fn invoke<T: Decode>(&self, call: Call) -> Result<T> {
        read(self.with_session(&call.into_request(""))?)
    }

    pub(crate) fn start(&self, call: Call) -> Result<String> {
        read(self.with_session(&call.into_request("Async."))?)
    }

    /// Sends a request; where the session has ended, logs in anew and sends it once more.
    pub(crate) fn with_session(&self, request: &Verb) -> Result<Json> {
        let open = self.locked().reference.clone();
        let reference = match open {
            None if !request.sessionless => Some(self.session(None)?),
            open => open,
        };
        match self.send(request, reference.as_deref()) {
            Err(error) if self.login.is_some() && error.code() == Some(SESSION_INVALID) => {
                self.send(request, Some(&self.session(reference.as_deref())?))
            }
            answer => answer,
        }
    }

    pub(crate) fn locked(&self) -> MutexGuard<'_, Session> {
        // What is in it is whole whenever somebody panics.
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a session that is not the one that has ended.
    pub(crate) fn session(&self, ended: Option<&str>) -> Result<String> {
        let mut session = self.locked();
        if let Some(reference) = &session.reference {
            if Some(reference.as_str()) != ended {
                return Ok(reference.clone());
            }
        }
        let Some((user, password)) = &self.login else {
            return Err(Error::of(ApiError {
                code: SESSION_INVALID.to_owned(),
                params: vec![String::new()],
                message: "the client has neither a session nor a user".to_owned(),
                ..ApiError::default()
            }));
        };
        let mut call = Call::new("session.login_with_password");
        call.put("uname", user);
        call.put("pwd", password);
        call.put("version", "1.0");
        call.put("originator", &self.originator);
        let made: String = read(self.send(&call.into_request(""), None)?)?;
        session.reference = Some(made.clone());
        session.own = true;
        Ok(made)
    }

    /// Ends the session, or only one that was opened here.
    pub(crate) fn logout(&self, only_own: bool) -> Result<()> {
        let session = std::mem::take(&mut *self.locked());
        match session.reference {
            Some(reference) if session.own || !only_own => {
                let request = Call::new("session.logout").into_request("");
                read(self.send(&request, Some(&reference))?)
            }
            _ => Ok(()),
        }
    }

    fn send(&self, request: &Verb, reference: Option<&str>) -> Result<Json> {
        let mut headers = vec![
            ("Accept".to_owned(), "application/json".to_owned()),
            ("User-Agent".to_owned(), USER_AGENT.to_owned()),
        ];
        if !request.body.is_empty() {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        if let Some(reference) = reference {
            headers.push(("Authorization".to_owned(), format!("Bearer {reference}")));
        }
        let response = self.transport.send(&Request {
            method: request.method.to_owned(),
            path: request.path.clone(),
            headers,
            body: request.body.clone(),
            timeout: self.timeout.saturating_add(request.extra),
            repeatable: request.repeatable,
        })?;
        json_of(&response)
    }
}

/// Writes text as a part of a path.
pub(crate) fn quoted(text: &str) -> String {
    let mut made = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                made.push(char::from(byte));
            }
            _ => made.push_str(&format!("%{byte:02X}")),
        }
    }
    made
}

/// Reads a value that the platform has answered with.
pub(crate) fn read<T: Decode>(json: Json) -> Result<T> {
    T::decode(json).map_err(|misfit| {
        Error::Answer(AnswerError::new(format!(
            "the answer is not as it was declared: {misfit}"
        )))
    })
}

fn json_of(response: &Response) -> Result<Json> {
    if !(200..300).contains(&response.status) {
        return Err(error_of(response));
    }
    if response.body.is_empty() {
        return Ok(Json::Null);
    }
    Json::parse(&response.body)
        .map_err(|reason| AnswerError::new(format!("the answer is no JSON: {reason}")).into())
}

fn error_of(response: &Response) -> Error {
    let told = Json::parse(&response.body)
        .ok()
        .and_then(|json| api_error(json).ok());
    match told {
        Some(mut told) => {
            told.status = response.status;
            let seconds = response.header("retry-after");
            told.retry_after = seconds
                .and_then(|text| text.parse().ok())
                .map(Duration::from_secs);
            Error::of(told)
        }
        None => Error::Answer(AnswerError::new(format!(
            "HTTP {}, and nothing that tells an error of this interface",
            response.status
        ))),
    }
}

/// Reads an error.
pub(crate) fn api_error(json: Json) -> std::result::Result<ApiError, Misfit> {
    let mut object = Object::of(json)?;
    Ok(ApiError {
        code: object.require("code")?,
        params: object.take("params")?.unwrap_or_default(),
        message: object.take("message")?.unwrap_or_default(),
        ..ApiError::default()
    })
}
