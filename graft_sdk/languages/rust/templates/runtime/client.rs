//! How a client is set up.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::calls::{Connection, Session};
use super::transport::{Address, Connect, HttpTransport, TcpConnect, Transport};
use crate::{Client, Error, Result, USER_AGENT};

const TIMEOUT: Duration = Duration::from_secs(120);

/// Sets up a [`Client`]; [`Client::builder`] makes one.
pub struct ClientBuilder {
    url: String,
    login: Option<(String, String)>,
    session: Option<String>,
    originator: String,
    timeout: Duration,
    connector: Option<Box<dyn Connect>>,
    transport: Option<Box<dyn Transport>>,
}

impl ClientBuilder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            login: None,
            session: None,
            originator: USER_AGENT.to_owned(),
            timeout: TIMEOUT,
            connector: None,
            transport: None,
        }
    }

    /// Logs in as a user when the first call is made, and again where the session has ended meanwhile.
    #[must_use]
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// Begins with a session that is open already.
    #[must_use]
    pub fn session(mut self, reference: &str) -> Self {
        self.session = Some(reference.to_owned());
        self
    }

    /// Tells what the program calls itself; sessions are limited for each.
    #[must_use]
    pub fn originator(mut self, name: &str) -> Self {
        self.originator = name.to_owned();
        self
    }

    /// Bounds how long a call waits for its answer; two minutes if nothing is said.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Opens connections in place of plain TCP: such as those of a library for TLS, which `https` needs.
    #[must_use]
    pub fn connector(mut self, connector: impl Connect + 'static) -> Self {
        self.connector = Some(Box::new(connector));
        self
    }

    /// Sends requests in place of the built-in HTTP client.
    #[must_use]
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.transport = Some(Box::new(transport));
        self
    }

    /// Makes the client. Nothing is sent before the first call.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`]: the URL is none of HTTP, or is one of `https` and there is no connector.
    pub fn build(self) -> Result<Client> {
        let transport = match self.transport {
            Some(transport) => transport,
            None => {
                let address = Address::of(&self.url)?;
                if address.tls && self.connector.is_none() {
                    return Err(Error::Usage(
                        "https needs a connector: the standard library has no TLS".to_owned(),
                    ));
                }
                let connector = self.connector.unwrap_or_else(|| Box::new(TcpConnect));
                Box::new(HttpTransport::new(address, connector))
            }
        };
        let session = Session {
            reference: self.session,
            own: false,
        };
        Ok(Client {
            connection: Arc::new(Connection {
                url: self.url,
                transport,
                timeout: self.timeout,
                originator: self.originator,
                login: self.login,
                session: Mutex::new(session),
            }),
        })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("ClientBuilder")
            .field("url", &self.url)
            .field("user", &self.login.as_ref().map(|(user, _)| user))
            .finish_non_exhaustive()
    }
}
