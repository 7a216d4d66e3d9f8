// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

use std::fmt;

use crate::runtime::{AnswerError, ApiError, TransportError};

/// Makes the errors of codes, and the error that any call may end with.
macro_rules! errors {
    ($($(#[$meta:meta])* $name:ident = $code:literal { $($(#[$param_meta:meta])* $param:ident,)* })*) => {
        /// Whatever goes wrong with a call. Those that the platform answers with have a variant for each known code.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum Error {
            $($(#[$meta])* $name(Box<$name>),)*
            /// The platform answers with a code that was not declared when this crate was made.
            Api(Box<ApiError>),
            /// There was no answer; the call may have been carried out.
            Transport(TransportError),
            /// There was an answer that is none of this interface, or does not fit what this crate was made from.
            Answer(AnswerError),
            /// The task with the reference has not ended in the time that was given; it goes on.
            Unfinished(String),
            /// What the caller has given cannot be used.
            Usage(String),
        }

        impl Error {
            /// What all errors of the platform have; none where it has not answered with one.
            pub fn api(&self) -> Option<&ApiError> {
                match self {
                    $(Self::$name(error) => Some(&error.api),)*
                    Self::Api(error) => Some(error),
                    _ => None,
                }
            }

            /// Gives an error the type of its code.
            pub(crate) fn of(api: ApiError) -> Self {
                match api.code.as_str() {
                    $($code => Self::$name(Box::new($name::of(api))),)*
                    _ => Self::Api(Box::new(api)),
                }
            }
        }

        $(
            $(#[$meta])*
            #[derive(Clone, Debug, PartialEq)]
            #[non_exhaustive]
            pub struct $name {
                $($(#[$param_meta])* pub $param: String,)*
                /// What all errors of the platform have.
                pub api: ApiError,
            }

            impl $name {
                fn of(api: ApiError) -> Self {
                    #[allow(unused_mut, unused_variables)]
                    let mut places = 0..;
                    Self {
                        $($param: api.param(places.next().unwrap_or_default()),)*
                        api,
                    }
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                    self.api.fmt(to)
                }
            }

            impl std::error::Error for $name {}
        )*
    };
}

errors! {
    /// `DRAFT_ERROR`
    Draft = "DRAFT_ERROR" {
    }
    /// `FIELD_TYPE_ERROR`: An argument, or something in it, has another type than the declared one.
    FieldTypeError = "FIELD_TYPE_ERROR" {
        /// The parameter `place`.
        place,
        /// The parameter `expected`.
        expected,
        /// The parameter `got`.
        got,
    }
    /// `HANDLE_INVALID`: No object of the class has that reference.
    HandleInvalid = "HANDLE_INVALID" {
        /// The parameter `class`.
        class,
        /// The parameter `ref`.
        ref_,
    }
    /// `INTERNAL_ERROR`: Something went wrong that is not the caller's mistake.
    InternalError = "INTERNAL_ERROR" {
    }
    /// `INVALID_VALUE`: An argument, or something in it, has the declared type and is still no
    /// possible value.
    InvalidValue = "INVALID_VALUE" {
        /// The parameter `place`.
        place,
        /// The parameter `value`.
        value,
        /// The parameter `reason`.
        reason,
    }
    /// `MESSAGE_METHOD_UNKNOWN`: The platform has no such method.
    MethodUnknown = "MESSAGE_METHOD_UNKNOWN" {
        /// The parameter `method`.
        method,
    }
    /// `MESSAGE_PARAMETER_COUNT_MISMATCH`: Too few or too many arguments.
    ParameterCountMismatch = "MESSAGE_PARAMETER_COUNT_MISMATCH" {
        /// The parameter `method`.
        method,
        /// The parameter `expected`.
        expected,
        /// The parameter `received`.
        received,
    }
    /// `MESSAGE_REMOVED`: A release of the platform has removed the method.
    MethodRemoved = "MESSAGE_REMOVED" {
    }
    /// `RBAC_PERMISSION_DENIED`: The session's roles do not allow the call; the text names those
    /// that do.
    PermissionDenied = "RBAC_PERMISSION_DENIED" {
        /// The parameter `permission`.
        permission,
        /// The parameter `text`.
        text,
    }
    /// `SERVER_BUSY`: Too much is queued already; try again after the time that it tells.
    ServerBusy = "SERVER_BUSY" {
        /// The parameter `what`.
        what,
    }
    /// `SERVICE_UNAVAILABLE`: A part of the platform does not answer.
    ServiceUnavailable = "SERVICE_UNAVAILABLE" {
        /// The parameter `service`.
        service,
        /// The parameter `reason`.
        reason,
    }
    /// `SESSION_AUTHENTICATION_FAILED`: The user's name or the password is wrong.
    AuthenticationFailed = "SESSION_AUTHENTICATION_FAILED" {
        /// The parameter `user`.
        user,
        /// The parameter `reason`.
        reason,
    }
    /// `SESSION_INVALID`: The session has ended, or there never was one.
    SessionInvalid = "SESSION_INVALID" {
        /// The parameter `session`.
        session,
    }
    /// `TASK_CANCELLED`: The task was cancelled before it had a result.
    TaskCancelled = "TASK_CANCELLED" {
        /// The parameter `task`.
        task,
    }
    /// `VALUE_NOT_SUPPORTED`: A value that cannot be taken here.
    ValueNotSupported = "VALUE_NOT_SUPPORTED" {
        /// The parameter `field`.
        field,
        /// The parameter `value`.
        value,
        /// The parameter `reason`.
        reason,
    }
    /// `VOLUME_IN_USE`: Some guest has it open.
    VolumeInUse = "VOLUME_IN_USE" {
        /// The parameter `volume`.
        volume,
        /// The parameter `class`.
        class,
    }
}

impl Error {
    /// The code of an error of the platform.
    pub fn code(&self) -> Option<&str> {
        self.api().map(|error| error.code.as_str())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => error.fmt(to),
            Self::Answer(error) => error.fmt(to),
            Self::Unfinished(task) => write!(to, "the task {task} has not ended in time"),
            Self::Usage(reason) => to.write_str(reason),
            _ => self.api().map_or(Ok(()), |error| error.fmt(to)),
        }
    }
}

impl std::error::Error for Error {}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

impl From<AnswerError> for Error {
    fn from(error: AnswerError) -> Self {
        Self::Answer(error)
    }
}
