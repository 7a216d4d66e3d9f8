//! Uses the SDK made of echo.xml on a running platform: `walk` tries what it does, `corpus` carries records.

use std::collections::BTreeMap;
use std::env::var;
use std::error::Error as _;
use std::io::BufRead;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use graft_client::*;

fn open(user: &str, password: &str) -> Client {
    let url = var("GRAFT_URL").unwrap();
    Client::builder(&url).login(user, password).build().unwrap()
}

fn own() -> Client {
    open(&var("GRAFT_USER").unwrap(), &var("GRAFT_PASSWORD").unwrap())
}

fn borrow(reference: &str) -> Client {
    let url = var("GRAFT_URL").unwrap();
    Client::builder(&url).session(reference).build().unwrap()
}

macro_rules! fails {
    ($call:expr, $pattern:pat) => {
        fails!($call, $pattern => ())
    };
    ($call:expr, $pattern:pat => $then:expr) => {
        match $call {
            Err($pattern) => $then,
            other => panic!("{} and not {}", stringify!($pattern), shown(other)),
        }
    };
}

fn shown<T>(answer: Result<T>) -> String {
    answer.map_or_else(|error| format!("{error:?}"), |_| "an answer".to_owned())
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

fn values(client: &Client) {
    let echo = client.echo();
    assert_eq!(
        echo.string("a\nb </x> \u{2028}").unwrap(),
        "a\nb </x> \u{2028}"
    );
    for number in [0, i64::MAX, i64::MIN] {
        assert_eq!(echo.int(number).unwrap(), number);
    }
    assert!(echo.float(f64::NAN).unwrap().is_nan());
    assert_eq!(echo.float(f64::NEG_INFINITY).unwrap(), f64::NEG_INFINITY);
    assert!(echo.float(-0.0).unwrap().is_sign_negative());
    assert!(echo.bool(true).unwrap());
    let time: DateTime = "2026-01-01T12:00:00.000000007+01:00".parse().unwrap();
    assert_eq!(time.to_string(), "2026-01-01T11:00:00.000000007Z");
    assert_eq!(echo.datetime(time).unwrap(), time);
    let now = DateTime::now();
    assert_eq!(DateTime::try_from(SystemTime::from(now)).unwrap(), now);
    let early = DateTime::new(-2, 250_000_000).unwrap();
    assert_eq!(DateTime::try_from(SystemTime::from(early)).unwrap(), early);
    for wrong in [
        "2026-02-29T00:00:00Z",
        "2026-01-01",
        "2026-01-01T25:00:00Z",
        "é026-01-01T00:00:00Z",
        "abcé0101T00:00:00Z",
    ] {
        assert!(wrong.parse::<DateTime>().is_err(), "{wrong}");
    }
    assert_eq!(echo.colour(&Colour::DeepBlue).unwrap(), Colour::DeepBlue);
    assert_eq!(echo.strings(&[]).unwrap(), texts(&[]));
    let counts = BTreeMap::from([("a".to_owned(), 1)]);
    assert_eq!(echo.counts(&counts).unwrap(), counts);
    assert_eq!(echo.maybe(&EchoMaybeOptions::default()).unwrap(), None);
    assert_eq!(
        echo.maybe(&EchoMaybeOptions { value: Some(None) }).unwrap(),
        None
    );
    assert_eq!(
        echo.maybe(&EchoMaybeOptions {
            value: Some(Some(0))
        })
        .unwrap(),
        Some(0)
    );
    for boxed in [None, Some(None), Some(Some(5))] {
        assert_eq!(echo.maybe_maybe(boxed).unwrap(), boxed);
    }
    let items = vec![
        Json::Null,
        Json::from(true),
        Json::from("x"),
        Json::from(0.5),
    ];
    let given = Json::Object(BTreeMap::from([("a".to_owned(), Json::from(items))]));
    assert_eq!(echo.anything(&given).unwrap(), given);
    let point = Point {
        x: 1.0,
        ..Point::default()
    };
    assert_eq!(echo.point(&point).unwrap(), point);
    assert_eq!(point.label, "here");
    echo.nothing().unwrap();
    assert_eq!(echo.keep_secret("hush").unwrap(), 4);
    #[allow(deprecated)]
    let old = echo.old().unwrap();
    assert_eq!(old, "Echo.old");
    assert_eq!(
        client.call("Echo.int", &[Json::from(5)]).unwrap(),
        Json::from(5)
    );
}

fn arguments_left_out(client: &Client) {
    let echo = client.echo();
    let mut options = EchoDefaultsOptions::default();
    assert_eq!(echo.defaults("one", &options).unwrap(), "one|7|three");
    options.third = Some("3".to_owned());
    assert_eq!(echo.defaults("one", &options).unwrap(), "one|7|3");
    options.second = Some(2);
    options.fourth = Some(false);
    assert_eq!(echo.defaults("one", &options).unwrap(), "one|2|3|False");
}

fn unknown_values(client: &Client) {
    let ultraviolet = Colour::from("ultraviolet");
    assert_eq!(client.echo().colour(&ultraviolet).unwrap(), ultraviolet);
    assert!(!ultraviolet.is_known() && Colour::Red.is_known());
    assert_eq!(ultraviolet.to_string(), "ultraviolet");
}

fn api_errors(client: &Client) {
    let echo = client.echo();
    fails!(echo.fail("VOLUME_IN_USE", &texts(&["root", "web"])), Error::VolumeInUse(error) => {
        assert_eq!((error.volume.as_str(), error.guest.as_str()), ("root", "web"));
        assert_eq!((error.api.status, error.api.params.len()), (422, 2));
    });
    fails!(echo.fail("VOLUME_IN_USE", &[]), Error::VolumeInUse(error) => assert_eq!(error.guest, ""));
    let other = echo.fail("SOMETHING_ELSE", &texts(&["1"])).unwrap_err();
    assert!(matches!(other, Error::Api(_)) && other.code() == Some("SOMETHING_ELSE"));
    assert!(other.source().is_none());
    fails!(client.call("Echo.int", &[Json::from("five")]), Error::FieldTypeError(error) => {
        assert_eq!((error.place.as_str(), error.expected.as_str()), ("value", "int"));
        assert!(error.to_string().contains("value"));
    });
    fails!(client.call("Echo.no_such", &[]), Error::MethodUnknown(error) => assert_eq!(error.method, "Echo.no_such"));
    let reader = open("reader", &var("READER_PASSWORD").unwrap());
    fails!(reader.echo().admin_only(), Error::PermissionDenied(error) => assert_ne!(error.permission, ""));
    reader.close().unwrap();
    fails!(
        open("reader", "wrong").login(),
        Error::AuthenticationFailed(_)
    );
    let nobody = Client::builder("http://127.0.0.1:9")
        .login("a", "b")
        .build()
        .unwrap();
    fails!(nobody.login(), Error::Transport(_));
    let url = var("GRAFT_URL").unwrap();
    let hasty = Client::builder(&url).session(&client.session_ref().unwrap());
    let hasty = hasty.timeout(Duration::from_millis(300)).build().unwrap();
    let begun = Instant::now();
    fails!(hasty.echo().sleep(20.0), Error::Transport(_));
    assert!(begun.elapsed() < Duration::from_secs(10));
}

fn sessions(_: &Client) {
    let client = own();
    assert_eq!(client.session_ref(), None);
    client.login().unwrap();
    let first = client.session_ref().unwrap();
    let borrower = borrow(&first);
    assert_eq!(borrower.echo().string("x").unwrap(), "x");
    borrower.close().unwrap();
    assert_eq!(client.echo().string("open still").unwrap(), "open still");
    assert_eq!(client.session_ref().unwrap(), first);
    borrow(&first).logout().unwrap();
    fails!(borrow(&first).echo().string("x"), Error::SessionInvalid(_));
    assert_eq!(
        client.echo().string("logged in anew").unwrap(),
        "logged in anew"
    );
    let second = client.session_ref().unwrap();
    assert_ne!(first, second);
    client.close().unwrap();
    fails!(borrow(&second).echo().string("x"), Error::SessionInvalid(_));
    for url in [
        "ftp://x",
        "http://",
        "http://a:b@x",
        "http://x?y",
        "http://x:y",
        "https://x",
        "x",
    ] {
        fails!(Client::builder(url).build(), Error::Usage(_));
    }
    let nobody = Client::builder(&var("GRAFT_URL").unwrap()).build().unwrap();
    fails!(nobody.echo().admin_only(), Error::SessionInvalid(_));
}

fn threads(_: &Client) {
    let client = own();
    let runners: Vec<_> = (0..16)
        .map(|number| {
            let client = client.clone();
            thread::spawn(move || (client.echo().int(number).unwrap(), number))
        })
        .collect();
    for runner in runners {
        let (got, sent) = runner.join().unwrap();
        assert_eq!(got, sent);
    }
    client.close().unwrap();
}

fn tasks(client: &Client) {
    let echo = client.echo();
    let task = echo.start_int(5).unwrap();
    assert_eq!(task.wait(None).unwrap(), 5);
    assert_eq!(task.status().unwrap(), TaskStatus::Success);
    let info = task.info(Duration::ZERO).unwrap();
    assert!(info.name == "Async.Echo.int" && info.created.is_some() && info.finished.is_some());
    task.destroy().unwrap();
    fails!(task.status(), Error::HandleInvalid(_));
    let slow = echo.start_sleep(60.0).unwrap();
    fails!(
        slow.wait(Some(Duration::from_millis(200))),
        Error::Unfinished(_)
    );
    assert_eq!(slow.status().unwrap(), TaskStatus::Pending);
    slow.cancel().unwrap();
    fails!(
        slow.wait(Some(Duration::from_secs(30))),
        Error::TaskCancelled(_)
    );
    assert_eq!(slow.status().unwrap(), TaskStatus::Cancelled);
    let failed = echo
        .start_fail("VOLUME_IN_USE", &texts(&["a", "b"]))
        .unwrap();
    fails!(failed.wait(None), Error::VolumeInUse(error) => assert_eq!(error.guest, "b"));
    let undeclared = client.start("Echo.string", &[Json::from("x")]).unwrap();
    assert_eq!(undeclared.wait(None).unwrap(), Json::from("x"));
    echo.start_nothing().unwrap().wait(None).unwrap();
}

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<(Vec<Request>, Response)>>);

impl Transport for Recorder {
    fn send(&self, request: &Request) -> std::result::Result<Response, TransportError> {
        let mut held = self.0.lock().unwrap();
        held.0.push(request.clone());
        Ok(held.1.clone())
    }
}

fn transports(_: &Client) {
    let recorder = Recorder::default();
    let client = Client::builder("graft")
        .session("OpaqueRef:secret")
        .transport(recorder.clone());
    let client = client.build().unwrap();
    let echo = client.echo();
    let answer = |status: u16, body: &str| {
        let headers = vec![("retry-after".to_owned(), "7".to_owned())];
        let body = body.as_bytes().to_vec();
        recorder.0.lock().unwrap().1 = Response {
            status,
            headers,
            body,
        };
    };
    answer(200, "\"x\"");
    assert_eq!(echo.string("v").unwrap(), "x");
    let request = recorder.0.lock().unwrap().0[0].clone();
    assert_eq!(request.path, "/api/v1/methods/Echo.string");
    assert_eq!(request.body, br#"{"value":"v"}"#);
    assert!(!format!("{request:?}").contains("secret"));
    for broken in [
        "5.5",
        "[",
        "\"x\" 1",
        "\"\\q\"",
        "\"\u{1}\"",
        "nul",
        "{\"a\" 1}",
        "01",
    ] {
        answer(200, broken);
        fails!(echo.string("v"), Error::Answer(_));
    }
    answer(200, &"[".repeat(100_000));
    fails!(echo.string("v"), Error::Answer(_));
    answer(200, "9223372036854775808");
    fails!(echo.int(1), Error::Answer(_));
    answer(200, r#"{"x":1.5,"newer":[]}"#);
    fails!(echo.point(&Point::default()), Error::Answer(error) => assert!(error.to_string().contains('y')));
    answer(200, r#" {"x" : 1.5, "y": "-Infinity", "newer":[]} "#);
    let point = echo.point(&Point::default()).unwrap();
    assert_eq!(
        (point.x, point.y, point.label.as_str()),
        (1.5, f64::NEG_INFINITY, "here")
    );
    answer(502, "<html>");
    fails!(echo.string("v"), Error::Answer(_));
    answer(503, r#"{"code": "SERVER_BUSY", "params": ["calls"]}"#);
    fails!(echo.string("v"), Error::ServerBusy(error) => {
        assert_eq!(error.api.retry_after, Some(Duration::from_secs(7)));
    });
}

/// Answers as servers may that are not this platform's: in chunks, or up to the end of the connection.
fn answers_of_http(_: &Client) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let answers = [
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: Close\r\n\
             Transfer-Encoding: chunked\r\n\r\n\
             2;x=y\r\n\"a\r\n2\r\nb\"\r\n0\r\nTrailer: x\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\n\"ab\"",
            "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\"ab\"",
            "nothing that is known\r\n\r\n",
            "",
        ];
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            // A connection that is closed before all is read is reset.
            read_request(&mut stream);
            std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
            thread::sleep(Duration::from_millis(20));
        }
    });
    let client = Client::builder(&url)
        .session("OpaqueRef:1")
        .build()
        .unwrap();
    assert_eq!(client.echo().string("x").unwrap(), "ab");
    assert_eq!(client.echo().string("x").unwrap(), "ab");
    for _ in 0..4 {
        fails!(client.echo().string("x"), Error::Transport(_));
    }
    server.join().unwrap();
    fails!(borrow("a\r\nb").echo().string("x"), Error::Transport(_));
}

fn read_request(stream: &mut std::net::TcpStream) {
    let mut request = Vec::new();
    let whole = |request: &[u8]| {
        request.ends_with(b"}") || (request.starts_with(b"GET") && request.ends_with(b"\r\n\r\n"))
    };
    while !whole(&request) {
        let mut some = [0; 1024];
        let count = std::io::Read::read(stream, &mut some).unwrap();
        assert_ne!(count, 0);
        request.extend_from_slice(&some[..count]);
    }
}

/// Connections that were kept may end with a request on its way.
fn connections_that_end(_: &Client) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let info = r#"{"ref":"OpaqueRef:t","name":"x","status":"pending"}"#;
        for answer in ["\"OpaqueRef:t\"", info] {
            let (mut stream, _) = listener.accept().unwrap();
            read_request(&mut stream);
            let length = answer.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{answer}");
            std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
            read_request(&mut stream);
        }
    });
    let client = Client::builder(&url)
        .session("OpaqueRef:1")
        .build()
        .unwrap();
    let task = client.echo().start_int(1).unwrap();
    assert_eq!(task.status().unwrap(), TaskStatus::Pending);
    fails!(client.echo().string("not twice"), Error::Transport(_));
    server.join().unwrap();
}

/// Stands for a library of TLS: counts, and passes on.
struct Counted(std::net::TcpStream, Arc<Mutex<u32>>);

impl std::io::Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer)
    }
}

impl std::io::Write for Counted {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        *self.1.lock().unwrap() += 1;
        self.0.write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

impl Stream for Counted {
    fn set_timeout(&mut self, timeout: Duration) -> std::io::Result<()> {
        self.0.set_timeout(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }
}

struct Counting(Arc<Mutex<u32>>);

impl Connect for Counting {
    fn connect(
        &self,
        host: &str,
        port: u16,
        timeout: Duration,
    ) -> std::io::Result<Box<dyn Stream>> {
        let stream = tcp_stream(host, port, timeout)?;
        Ok(Box::new(Counted(stream, self.0.clone())))
    }
}

fn connectors(client: &Client) {
    let count = Arc::new(Mutex::new(0));
    let url = var("GRAFT_URL").unwrap().replace("http:", "https:");
    let reference = client.session_ref().unwrap();
    let builder = Client::builder(&url).session(&reference);
    let other = builder.connector(Counting(count.clone())).build().unwrap();
    assert_eq!(other.echo().string("x").unwrap(), "x");
    assert_eq!(other.echo().string("y").unwrap(), "y");
    assert_eq!(*count.lock().unwrap(), 2);
}

fn secrets(client: &Client) {
    let record = Everything {
        hidden: "pass-secret".to_owned(),
        ..Everything::default()
    };
    let builder = Client::builder("http://x")
        .login("u", "pass-secret")
        .session("ref-secret");
    let told = format!("{record:?} {builder:?}");
    assert!(
        told.contains("maybe_string") && !told.contains("-secret"),
        "{told}"
    );
    let built = builder.build().unwrap();
    assert!(!format!("{built:?} {:#?}", built.echo()).contains("-secret"));
    assert!(!format!("{client:?}").contains(&client.session_ref().unwrap()));
}

fn corpus(client: &Client) {
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let sent = Everything::from_json(&line.unwrap()).unwrap();
        let got = client.echo().everything(&sent).unwrap();
        assert_eq!(sent.to_json(), got.to_json());
        if number < 5 {
            let again = client
                .echo()
                .start_everything(&sent)
                .unwrap()
                .wait(None)
                .unwrap();
            assert_eq!(sent.to_json(), again.to_json());
        }
        println!("{}", got.to_json());
    }
}

fn main() {
    let client = own();
    if std::env::args().nth(1).as_deref() == Some("corpus") {
        corpus(&client);
    } else {
        let walks = [
            values,
            arguments_left_out,
            unknown_values,
            api_errors,
            sessions,
            threads,
            tasks,
            transports,
            answers_of_http,
            connections_that_end,
            connectors,
            secrets,
        ];
        for walk in walks {
            walk(&client);
        }
        println!("ok");
    }
    client.close().unwrap();
}
