//! A body and a stream that give up when their peer does nothing for too long, or far too little, and say when it is the
//! peer's turn.
//!
//! Kept true: time counts only while something is waited for; anything that arrives, or is taken, begins it anew. In all a
//! peer is waited for no longer than [`Limits::stall`], and as long as what it sent or took takes at the least rate. A peer
//! that still sends when it has been answered, as with a body that is too long, can read its answer: what it sends is
//! thrown away for up to [`super::Limits::linger`] before the connection is closed (RFC 9112 §9.6). Without that the system answers with a
//! reset, which may destroy the answer on its way.
//!
//! Errors: [`io::ErrorKind::TimedOut`]. Cost: a timer while something is waited for.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use axum::{BoxError, body::Bytes};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::{Limits, connections::Peer};

/// How much of what a peer still sends is thrown away at once.
const LINGER_BYTES: usize = 16 << 10;

/// How long a peer has been waited for.
struct Pace {
    stall: Duration,
    least_bytes_per_s: u64,
    /// Before the wait that is under way.
    waited: Duration,
    bytes: u64,
    /// The wait that is under way.
    wait: Option<Wait>,
}

struct Wait {
    begun: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Pace {
    fn new(limits: &Limits) -> Self {
        let Limits { stall, least_bytes_per_s, .. } = *limits;
        Self { stall, least_bytes_per_s, waited: Duration::ZERO, bytes: 0, wait: None }
    }

    /// So many bytes came, or were taken.
    fn moved(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if let Some(wait) = self.wait.take() {
            self.waited += wait.begun.elapsed();
        }
    }

    /// Ready with an error once the peer has been waited for too long.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        // By then it is slower than the least rate.
        let in_all = self.stall + Duration::from_millis(self.bytes.saturating_mul(1_000) / self.least_bytes_per_s);
        let patience = self.stall.min(in_all.saturating_sub(self.waited));
        let wait = self.wait.get_or_insert_with(|| Wait { begun: Instant::now(), timer: Box::pin(sleep(patience)) });
        ready!(wait.timer.as_mut().poll(cx));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the peer did too little for too long"))
    }
}

/// A request's body.
pub(super) struct PacedBody {
    body: Incoming,
    peer: Arc<Peer>,
    pace: Pace,
}

impl PacedBody {
    pub(super) fn new(body: Incoming, peer: Arc<Peer>, limits: &Limits) -> Self {
        Self { body, peer, pace: Pace::new(limits) }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                let bytes = match &frame {
                    Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                    Some(Err(_)) | None => 0,
                };
                self.pace.moved(bytes);
                self.peer.is_served();
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                self.peer.waits();
                self.pace.poll(cx).map(|error| Some(Err(error.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for PacedBody {
    /// What reads no more of it is at work.
    fn drop(&mut self) {
        self.peer.is_served();
    }
}

/// A connection's stream.
pub(super) struct PacedIo<S> {
    stream: S,
    peer: Arc<Peer>,
    pace: Pace,
    linger: Duration,
    /// Once everything was written.
    lingering: Option<Pin<Box<Sleep>>>,
}

impl<S> PacedIo<S> {
    pub(super) fn new(stream: S, peer: Arc<Peer>, limits: Limits) -> Self {
        Self { stream, peer, pace: Pace::new(&limits), linger: limits.linger, lingering: None }
    }

    fn paced(&mut self, done: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match done {
            Poll::Ready(done) => {
                self.pace.moved(*done.as_ref().unwrap_or(&0));
                self.peer.takes();
                Poll::Ready(done)
            }
            Poll::Pending => self.pace.poll(cx).map(Err),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PacedIo<S> {
    /// Reading is timed by who reads: a head as a whole, a body from piece to piece.
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, bytes)
    }
}

impl<S: AsyncRead + Unpin> PacedIo<S> {
    /// Ready when the peer has closed its side, or has been given long enough to.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let linger = self.linger;
        let time = self.lingering.get_or_insert_with(|| Box::pin(sleep(linger)));
        if time.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut bytes = [0; LINGER_BYTES];
        // So much at a time, so that others have their turn.
        for _ in 0..16 {
            let mut rest = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut rest)) {
                Ok(()) if !rest.filled().is_empty() => {}
                // The answer is delivered or lost; nothing here changes that.
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PacedIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.paced(done, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.paced(done, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A flush with nothing to write is no sign of the peer.
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => self.pace.poll(cx).map(Err),
            done => done,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            match Pin::new(&mut self.stream).poll_shutdown(cx) {
                Poll::Pending => return self.pace.poll(cx).map(Err),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => {}
            }
        }
        self.poll_linger(cx).map(Ok)
    }
}
