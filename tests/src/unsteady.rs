//! A network that fails: a TCP proxy in front of a server that refuses, resets, cuts short, delays and answers by itself, by a
//! seed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A proxy that fails.
pub struct Unsteady {
    /// Whether it fails; it passes everything on otherwise.
    pub fails: Arc<AtomicBool>,
}

/// What becomes of a connection.
#[derive(Clone, Copy)]
enum Fate {
    Passes,
    /// Closed at once, as by a machine without the server.
    Refused,
    /// So many bytes of the answer get through, then both ends are reset.
    CutAfter(usize),
    Slow(Duration),
    /// An answer that the server did not give.
    Answers(&'static str),
}

impl Unsteady {
    /// In front of that address.
    pub fn before(target: String, listener: TcpListener, seed: u64) -> Self {
        let fails = Arc::new(AtomicBool::new(true));
        let (mut rng, failing) = (StdRng::seed_from_u64(seed), Arc::clone(&fails));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fate = if failing.load(Ordering::Relaxed) { fate(&mut rng) } else { Fate::Passes };
                tokio::spawn(relay(stream, target.clone(), fate));
            }
        });
        Self { fails }
    }
}

/// Answers of servers in trouble, and of something else that listens there.
const ANSWERS: [&str; 5] = [
    "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\nwait!",
    "HTTP/1.1 503 Service Unavailable\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 429 Too Many Requests\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
];

fn fate(rng: &mut StdRng) -> Fate {
    match rng.gen_range(0..8) {
        0 => Fate::Refused,
        1 | 2 => Fate::CutAfter(rng.gen_range(0..3_000)),
        3 => Fate::Slow(Duration::from_millis(rng.gen_range(10..200))),
        4 | 5 => Fate::Answers(ANSWERS[rng.gen_range(0..ANSWERS.len())]),
        _ => Fate::Passes,
    }
}

async fn relay(mut near: TcpStream, target: String, fate: Fate) {
    if let Fate::Refused = fate {
        return;
    }
    if let Fate::Slow(time) = fate {
        tokio::time::sleep(time).await;
    }
    if let Fate::Answers(answer) = fate {
        // The head of a call arrives in one piece; what follows of its body is not waited for.
        let _ = near.read(&mut [0; 4_096]).await;
        let _ = near.write_all(answer.as_bytes()).await;
        return;
    }
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    let Fate::CutAfter(limit) = fate else {
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        return;
    };
    let (mut near_in, mut near_out) = near.split();
    let (mut far_in, mut far_out) = far.split();
    let answer = async {
        let (mut passed, mut buffer) = (0, [0; 512]);
        while let Ok(count) = far_in.read(&mut buffer).await {
            let through = count.min(limit - passed);
            if count == 0 || near_out.write_all(&buffer[..through]).await.is_err() || through < count {
                break;
            }
            passed += through;
        }
    };
    tokio::select! {
        () = answer => {}
        _ = tokio::io::copy(&mut near_in, &mut far_out) => {}
    }
}
