//! HTTP/1.1 as calls need it; a transport of your own may take its place.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::TransportError;
use crate::{Error, Result};

/// Bytes of one answer.
const MAX_ANSWER: u64 = 256 << 20;
/// Connections that are kept for the next calls.
const MAX_IDLE: usize = 8;
const MAX_LINE: usize = 64 << 10;
const MAX_HEADERS: usize = 100;
const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3600);

/// One request.
#[derive(Clone)]
pub struct Request {
    /// Such as `POST`.
    pub method: String,
    /// With the query, below the URL that the transport was made for.
    pub path: String,
    /// Names and values; those that tell the host and the length come from the transport.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Vec<u8>,
    /// How long the answer may take.
    pub timeout: Duration,
    /// Whether it may be sent again: it is as good twice as once.
    pub repeatable: bool,
}

impl fmt::Debug for Request {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The answer to a request.
#[derive(Clone, Default)]
pub struct Response {
    /// Of HTTP.
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// What was answered.
    pub body: Vec<u8>,
}

impl Response {
    /// Returns the value of a header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Response")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Sends requests; several threads may use it at a time.
pub trait Transport: Send + Sync {
    /// Sends a request and waits for the answer, whatever its status.
    ///
    /// # Errors
    ///
    /// There is none.
    fn send(&self, request: &Request) -> std::result::Result<Response, TransportError>;
}

/// Opens connections for [`HttpTransport`]: plain ones, or those of a library for TLS.
pub trait Connect: Send + Sync {
    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// It cannot be opened.
    fn connect(&self, host: &str, port: u16, timeout: Duration) -> io::Result<Box<dyn Stream>>;
}

/// A connection.
pub trait Stream: Read + Write + Send {
    /// Bounds each of the next reads and writes.
    ///
    /// # Errors
    ///
    /// It cannot be done.
    fn set_timeout(&mut self, timeout: Duration) -> io::Result<()>;

    /// Whether the other side has not closed the connection while nobody used it.
    fn is_open(&mut self) -> bool;
}

impl Stream for TcpStream {
    fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        // None of no time: that would be without a bound.
        let timeout = Some(timeout.max(Duration::from_millis(1)));
        self.set_read_timeout(timeout)?;
        self.set_write_timeout(timeout)
    }

    fn is_open(&mut self) -> bool {
        let peeked = self
            .set_nonblocking(true)
            .and_then(|()| self.peek(&mut [0]));
        let idle = matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        self.set_nonblocking(false).is_ok() && idle
    }
}

/// Opens plain TCP connections.
#[derive(Clone, Copy, Debug)]
pub struct TcpConnect;

impl Connect for TcpConnect {
    fn connect(&self, host: &str, port: u16, timeout: Duration) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(tcp_stream(host, port, timeout)?))
    }
}

/// Opens a TCP connection within a time, to any of the host's addresses.
///
/// # Errors
///
/// None of them answers.
pub fn tcp_stream(host: &str, port: u16, timeout: Duration) -> io::Result<TcpStream> {
    let until = Instant::now() + timeout.min(MAX_TIMEOUT);
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(until)?) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the time for the answer is over",
        ));
    }
    Ok(left)
}

/// Where a platform is.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) tls: bool,
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl Address {
    pub(crate) fn of(url: &str) -> Result<Self> {
        let wrong =
            || Error::Usage("the URL of the platform is such as http://graft.example:8080".into());
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let tls = scheme.eq_ignore_ascii_case("https");
        if !tls && !scheme.eq_ignore_ascii_case("http") {
            return Err(wrong());
        }
        let plain = |character: char| {
            character.is_ascii_graphic() && !matches!(character, '@' | '?' | '#' | '\\')
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.is_empty() || !rest.chars().all(plain) {
            return Err(wrong());
        }
        let colon = authority
            .rfind(':')
            .filter(|place| !authority[*place..].contains(']'));
        let (host, port) = match colon {
            Some(place) => {
                let port = authority[place + 1..].parse().map_err(|_| wrong())?;
                (&authority[..place], port)
            }
            None => (authority, if tls { 443 } else { 80 }),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
            path: path.trim_end_matches('/').to_owned(),
        })
    }
}

/// HTTP/1.1 over connections that are kept for the next calls.
pub struct HttpTransport {
    address: Address,
    connector: Box<dyn Connect>,
    idle: Mutex<Vec<Connection>>,
}

type Connection = BufReader<Box<dyn Stream>>;

impl HttpTransport {
    pub(crate) fn new(address: Address, connector: Box<dyn Connect>) -> Self {
        Self {
            address,
            connector,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Sends requests to a URL through connections of your own.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`]: the URL is none of HTTP.
    pub fn with_connector(url: &str, connector: impl Connect + 'static) -> Result<Self> {
        Ok(Self::new(Address::of(url)?, Box::new(connector)))
    }

    /// Returns a connection that was kept, if one is still open.
    fn kept(&self) -> Option<Connection> {
        loop {
            let idle = self.idle.lock().map(|mut idle| idle.pop());
            let mut connection = idle.unwrap_or_default()?;
            if connection.get_mut().is_open() {
                return Some(connection);
            }
        }
    }

    fn exchange(&self, request: &Request) -> io::Result<Response> {
        let until = Instant::now() + request.timeout.min(MAX_TIMEOUT);
        if let Some(connection) = self.kept() {
            // The other side may have closed it just when the request was on its way.
            match self.sent(connection, request, until) {
                Err(error) if request.repeatable && has_ended(&error) => {}
                answer => return answer,
            }
        }
        let Address { host, port, .. } = &self.address;
        let stream = self.connector.connect(host, *port, left(until)?)?;
        self.sent(BufReader::new(stream), request, until)
    }

    fn sent(
        &self,
        mut connection: Connection,
        request: &Request,
        until: Instant,
    ) -> io::Result<Response> {
        // In one piece, so that a small request is one packet.
        let mut written = self.head(request)?;
        written.extend_from_slice(&request.body);
        let stream = connection.get_mut();
        stream.set_timeout(left(until)?)?;
        stream.write_all(&written)?;
        stream.flush()?;
        let answer = Answer {
            connection: &mut connection,
            until,
        };
        let (response, kept) = answer.read()?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if kept && connection.buffer().is_empty() && idle.len() < MAX_IDLE {
            idle.push(connection);
        }
        Ok(response)
    }

    fn head(&self, request: &Request) -> io::Result<Vec<u8>> {
        let Address {
            authority, path, ..
        } = &self.address;
        let mut lines = vec![
            format!("{} {path}{} HTTP/1.1", request.method, request.path),
            format!("Host: {authority}"),
            format!("Content-Length: {}", request.body.len()),
        ];
        lines.extend(
            request
                .headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}")),
        );
        if lines.iter().any(|line| line.contains(['\r', '\n', '\0'])) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a header holds a line break",
            ));
        }
        Ok((lines.join("\r\n") + "\r\n\r\n").into_bytes())
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: &Request) -> std::result::Result<Response, TransportError> {
        self.exchange(request).map_err(|error| {
            let over = matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
            );
            let reason = if over {
                format!("nothing came within {:?}", request.timeout)
            } else {
                error.to_string()
            };
            TransportError::new(format!("{}: {reason}", self.address.authority))
        })
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_tuple("HttpTransport")
            .field(&self.address.authority)
            .finish()
    }
}

/// An answer that is being read.
struct Answer<'a> {
    connection: &'a mut Connection,
    until: Instant,
}

impl Answer<'_> {
    /// Reads the answer, and tells whether another one can follow.
    fn read(mut self) -> io::Result<(Response, bool)> {
        let mut response = Response::default();
        let mut kept = true;
        // Those below 200 come before the answer.
        while response.status < 200 {
            kept = self.head(&mut response)?;
        }
        let connection = response.header("connection").unwrap_or_default();
        kept &= !connection.to_ascii_lowercase().contains("close");
        let encoding = response.header("transfer-encoding").unwrap_or_default();
        if matches!(response.status, 204 | 304) {
            return Ok((response, kept));
        }
        if encoding.to_ascii_lowercase().contains("chunked") {
            self.chunks(&mut response.body)?;
        } else if let Some(length) = response.header("content-length") {
            let length = length.parse().map_err(|_| broken("its length is none"))?;
            self.bytes(length, &mut response.body)?;
        } else {
            kept = false;
            self.rest(&mut response.body)?;
        }
        Ok((response, kept))
    }

    fn head(&mut self, response: &mut Response) -> io::Result<bool> {
        let first = self.line()?;
        let mut words = first.split(' ');
        let version = words.next().unwrap_or_default();
        let status = words.next().and_then(|word| word.parse().ok());
        let (true, Some(status)) = (version.starts_with("HTTP/1."), status) else {
            return Err(broken("it is none of HTTP/1.1"));
        };
        response.status = status;
        response.headers.clear();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(version != "HTTP/1.0");
            }
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            let header = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
            response.headers.push(header);
            if response.headers.len() > MAX_HEADERS {
                return Err(broken("it has too many headers"));
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            self.bound()?;
            let found = self.connection.fill_buf()?;
            if found.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let end = found.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(found.len(), |place| place + 1);
            line.extend_from_slice(&found[..taken]);
            self.connection.consume(taken);
            if line.len() > MAX_LINE {
                return Err(broken("a line is too long"));
            }
            if end.is_some() {
                let text = String::from_utf8_lossy(&line);
                return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
            }
        }
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| broken("a chunk has no size"))?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(());
            }
            self.bytes(size, body)?;
            self.line()?;
        }
    }

    fn bytes(&mut self, count: u64, body: &mut Vec<u8>) -> io::Result<()> {
        if count > MAX_ANSWER - body.len() as u64 {
            return Err(broken("it is too long"));
        }
        let mut missing = count;
        while missing > 0 {
            self.bound()?;
            let found = self.connection.fill_buf()?;
            if found.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let taken = found
                .len()
                .min(usize::try_from(missing).unwrap_or(usize::MAX));
            body.extend_from_slice(&found[..taken]);
            self.connection.consume(taken);
            missing -= taken as u64;
        }
        Ok(())
    }

    fn rest(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            self.bound()?;
            let found = self.connection.fill_buf()?;
            if found.is_empty() {
                return Ok(());
            }
            if (body.len() + found.len()) as u64 > MAX_ANSWER {
                return Err(broken("it is too long"));
            }
            body.extend_from_slice(found);
            let taken = found.len();
            self.connection.consume(taken);
        }
    }

    /// Bounds the next read by the time that is left.
    fn bound(&mut self) -> io::Result<()> {
        self.connection.get_mut().set_timeout(left(self.until)?)
    }
}

fn has_ended(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::UnexpectedEof
    )
}

fn broken(reason: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the answer cannot be read: {reason}"),
    )
}
