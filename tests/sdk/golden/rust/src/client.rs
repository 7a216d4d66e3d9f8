// Made by graft (`graft sdk generate`) from the API 3a8b46cf8c18c4da.
// Changes to it are lost when it is made again.

use std::fmt;
use std::sync::Arc;

use crate::methods;
use crate::runtime::prelude::*;
use crate::runtime::{ClientBuilder, Connection};

/// That of the API that this crate was made from.
pub const API_DIGEST: &str = "3a8b46cf8c18c4daaf004d6beb1b183876f84385cbdab2eceaf8aab059f7acbd";

/// A session on a platform; several threads may use it, and its clones, at a time.
#[derive(Clone)]
pub struct Client {
    pub(crate) connection: Arc<Connection>,
}

impl Client {
    /// Begins to set up a client of the platform at a URL such as `http://graft.example:8080`.
    pub fn builder(url: &str) -> ClientBuilder {
        ClientBuilder::new(url)
    }

    /// Logs in, unless that is done; the first call does it by itself.
    ///
    /// # Errors
    ///
    /// User and password do not fit, or there is no answer.
    pub fn login(&self) -> Result<()> {
        self.connection.session(None).map(|_| ())
    }

    /// Ends the session, also one that was given. The next call logs in again where there is a user.
    ///
    /// # Errors
    ///
    /// It had ended already, or there is no answer.
    pub fn logout(&self) -> Result<()> {
        self.connection.logout(false)
    }

    /// Ends the session if this client has opened it.
    ///
    /// # Errors
    ///
    /// As for [`Client::logout`]; the session ends by itself in time.
    pub fn close(&self) -> Result<()> {
        self.connection.logout(true)
    }

    /// The session's reference, which is as good as the password; none before the first call.
    pub fn session_ref(&self) -> Option<String> {
        self.connection.locked().reference.clone()
    }

    /// Calls a method by its name with parameters as they are; for methods that nobody has declared.
    ///
    /// # Errors
    ///
    /// Those of the method and of the platform, or there is no answer.
    pub fn call(&self, method: &str, params: &[Json]) -> Result<Json> {
        self.connection.invoke(Call::undeclared(method, params))
    }

    /// Starts a method by its name as a task, as [`Client::call`] does.
    ///
    /// # Errors
    ///
    /// Those of the platform, or there is no answer.
    pub fn start(&self, method: &str, params: &[Json]) -> Result<Task<Json>> {
        Task::start(self, Call::undeclared(method, params))
    }

    /// Guests.
    pub fn vm(&self) -> methods::VmMethods<'_> {
        methods::VmMethods::new(self)
    }

    /// Volumes of disks.
    ///
    /// A second paragraph, with a "quotation", a \ backslash, a */ and <tags> & a long line that
    /// has to be filled to the width of the documentation.
    pub fn volume(&self) -> methods::VolumeMethods<'_> {
        methods::VolumeMethods::new(self)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.connection.login.as_ref().map(|(user, _)| user);
        to.debug_struct("Client")
            .field("url", &self.connection.url)
            .field("user", &user)
            .finish_non_exhaustive()
    }
}
