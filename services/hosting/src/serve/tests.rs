//! What strangers hold, and that it holds up nobody.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use axum::{
    body::Bytes,
    routing::{get, post},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Notify,
    task::JoinHandle,
};

use super::*;

/// Longer than anything here takes by itself.
const PATIENCE: Duration = Duration::from_secs(30);

struct Served {
    address: std::net::SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

fn limits() -> Limits {
    Limits {
        connections: 8,
        of_one_address: 8,
        head: PATIENCE,
        stall: PATIENCE,
        least_bytes_per_s: 1,
        linger: PATIENCE,
        finish: PATIENCE,
    }
}

async fn start(limits: Limits, router: Router) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    let serving = Serving {
        handshake: Handshake::Plain,
        router,
        connections: Arc::new(Connections::new(limits.connections, limits.of_one_address)),
        limits,
        reports: Arc::default(),
    };
    let serving = tokio::spawn(serving.run(listener, stopping));
    Served { address, stop, serving }
}

fn routes() -> Router {
    Router::new().route("/", get(async || "ok")).route("/", post(async |body: Bytes| body.len().to_string()))
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// What a new connection is answered.
    async fn ask(&self) -> String {
        let mut stream = self.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").await.unwrap();
        rest(stream).await
    }
}

/// Everything up to the connection's end, which must come.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A connection that is cut off while the peer still sends is reset.
    let _ = read.expect("the connection ends");
    String::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn connections_that_are_held_without_a_request_hold_up_nobody() {
    let served = start(limits(), routes()).await;
    let mut held = Vec::new();
    for number in 0..40 {
        let mut stream = served.connect().await;
        match number % 3 {
            0 => {}
            1 => stream.write_all(b"GET / HTTP/1.1\r\nhost: he").await.unwrap(),
            _ => stream.write_all(b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap(),
        }
        held.push(stream);
        assert!(served.ask().await.ends_with("ok"), "with {number} held");
    }
    // Those that were held longest are gone: there are places for 8.
    for stream in held.drain(..30) {
        assert_eq!(rest(stream).await, "");
    }
}

#[tokio::test]
async fn a_connection_at_work_is_not_cut_off_for_another() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let of_route = (Arc::clone(&begun), Arc::clone(&go_on));
    let at_work = get(async move || {
        of_route.0.notify_one();
        of_route.1.notified().await;
        "done"
    });
    let served = start(limits(), routes().route("/work", at_work)).await;
    let mut working = served.connect().await;
    working.write_all(b"GET /work HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n").await.unwrap();
    begun.notified().await;
    let mut held = Vec::new();
    for _ in 0..30 {
        held.push(served.connect().await);
        assert!(served.ask().await.ends_with("ok"));
    }
    go_on.notify_one();
    assert!(rest(working).await.ends_with("done"));
}

#[tokio::test]
async fn what_does_not_arrive_in_time_is_given_up() {
    let short = Duration::from_millis(200);
    let served = start(Limits { head: short, ..limits() }, routes()).await;
    for begun in ["", "GET / HTTP/1.1\r\nhost: he"] {
        let mut stream = served.connect().await;
        stream.write_all(begun.as_bytes()).await.unwrap();
        assert_eq!(rest(stream).await, "", "{begun:?}");
    }
    // Also one that had a request before.
    let mut stream = served.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    assert!(rest(stream).await.ends_with("ok"));

    let served = start(Limits { stall: short, ..limits() }, routes()).await;
    let mut stream = served.connect().await;
    stream.write_all(b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
    assert!(rest(stream).await.starts_with("HTTP/1.1 400"));
    assert!(served.ask().await.ends_with("ok"));
}

#[tokio::test]
async fn a_body_that_trickles_in_is_given_up_though_it_never_stalls() {
    let stall = Duration::from_millis(300);
    let served = start(Limits { stall, least_bytes_per_s: 1 << 20, ..limits() }, routes()).await;
    let mut stream = served.connect().await;
    stream.write_all(b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 1000000\r\n\r\n").await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    // Ends when the connection does.
    let trickle = async {
        while writing.write_all(b"a").await.is_ok() {
            tokio::time::sleep(stall / 10).await
        }
    };
    let mut answer = Vec::new();
    tokio::select! {
        read = tokio::time::timeout(PATIENCE, reading.read_to_end(&mut answer)) => drop(read.expect("it is given up")),
        () = trickle => {}
    }
    assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_peer_that_still_sends_when_it_is_refused_reads_why() {
    let long = Router::new().route("/", post(async |_: Bytes| "taken").layer(axum::extract::DefaultBodyLimit::max(1)));
    let served = start(limits(), long).await;
    for length in [2, 20_000, 4 << 20] {
        let mut stream = served.connect().await;
        let head = format!("POST / HTTP/1.1\r\nhost: here\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // Long after the refusal was written.
        tokio::time::sleep(Duration::from_millis(50)).await;
        for piece in vec![b'a'; length].chunks(1 << 16) {
            stream.write_all(piece).await.unwrap();
        }
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        assert!(bytes.starts_with(b"HTTP/1.1 413"), "{length} bytes");
    }
}

/// Bytes that say when they are let go of.
struct Held(Vec<u8>, Arc<AtomicBool>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.1.store(true, Ordering::Release);
    }
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up_and_not_kept() {
    let is_gone = Arc::new(AtomicBool::new(false));
    let of_route = Arc::clone(&is_gone);
    let large = get(async move || Bytes::from_owner(Held(vec![0; 64 << 20], of_route)));
    let served = start(Limits { stall: Duration::from_millis(200), ..limits() }, Router::new().route("/", large)).await;
    let mut stream = served.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    let begun = Instant::now();
    while !is_gone.load(Ordering::Acquire) {
        assert!(begun.elapsed() < PATIENCE, "the answer is still held");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn when_told_to_stop_what_is_at_work_is_finished_and_nothing_else_begun() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let of_route = (Arc::clone(&begun), Arc::clone(&go_on));
    let at_work = get(async move || {
        of_route.0.notify_one();
        of_route.1.notified().await;
        "done"
    });
    let served = start(limits(), routes().route("/work", at_work)).await;
    let mut working = served.connect().await;
    working.write_all(b"GET /work HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    begun.notified().await;
    let mut idle = served.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    let mut answer = [0; 8];
    idle.read_exact(&mut answer).await.unwrap();
    served.stop.send(true).unwrap();
    assert!(rest(idle).await.ends_with("ok"), "it ends without another request");
    assert!(TcpStream::connect(served.address).await.is_err());
    go_on.notify_one();
    assert!(rest(working).await.ends_with("done"));
    tokio::time::timeout(PATIENCE, served.serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn when_told_to_stop_a_request_that_never_ends_arriving_holds_it_no_longer_than_the_limit() {
    let served = start(Limits { finish: Duration::from_millis(200), ..limits() }, routes()).await;
    let mut half_sent = served.connect().await;
    half_sent.write_all(b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
    // It is at work by then: a later connection is answered.
    assert!(served.ask().await.ends_with("ok"));
    served.stop.send(true).unwrap();
    // Less than the time for a body.
    tokio::time::timeout(PATIENCE / 2, served.serving).await.unwrap().unwrap();
    assert_eq!(rest(half_sent).await, "");
}
