//! A network that fails: a TCP proxy in front of the exchange that refuses, resets, cuts short and delays, by a seed.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// The proxy.
pub(super) struct Unsteady {
    pub(super) url: String,
    /// Whether it fails; it passes everything on otherwise.
    pub(super) fails: Arc<AtomicBool>,
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
}

impl Unsteady {
    /// In front of that address.
    pub(super) async fn before(target: String, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fails = Arc::new(AtomicBool::new(true));
        let (rng, failing) = (Mutex::new(StdRng::seed_from_u64(seed)), Arc::clone(&fails));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fate = if failing.load(Ordering::Relaxed) { fate(&mut rng.lock().unwrap()) } else { Fate::Passes };
                tokio::spawn(relay(stream, target.clone(), fate));
            }
        });
        Self { url, fails }
    }
}

fn fate(rng: &mut StdRng) -> Fate {
    match rng.gen_range(0..6) {
        0 => Fate::Refused,
        1 | 2 => Fate::CutAfter(rng.gen_range(0..3_000)),
        3 => Fate::Slow(Duration::from_millis(rng.gen_range(10..200))),
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
