//! A body and a stream that give up when their peer does nothing for too long, and say when it is the peer's turn.
//!
//! Kept true: time counts only while something is waited for; anything that arrives, or is taken, begins it anew. A peer
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
    time::Duration,
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

/// How long nothing has happened.
struct Stall {
    limit: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    fn new(limit: Duration) -> Self {
        Self { limit, timer: None }
    }

    fn is_over(&mut self) {
        self.timer = None;
    }

    /// Ready with an error once it has lasted too long.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let limit = self.limit;
        ready!(self.timer.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(cx));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the peer did nothing for too long"))
    }
}

/// A request's body.
pub(super) struct PacedBody {
    body: Incoming,
    peer: Arc<Peer>,
    stall: Stall,
}

impl PacedBody {
    pub(super) fn new(body: Incoming, peer: Arc<Peer>, limit: Duration) -> Self {
        Self { body, peer, stall: Stall::new(limit) }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.stall.is_over();
                self.peer.is_served();
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                self.peer.waits();
                self.stall.poll(cx).map(|error| Some(Err(error.into())))
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
    /// Whoever reads no more of it is at work.
    fn drop(&mut self) {
        self.peer.is_served();
    }
}

/// A connection's stream.
pub(super) struct PacedIo<S> {
    stream: S,
    peer: Arc<Peer>,
    stall: Stall,
    linger: Duration,
    /// Once everything was written.
    lingering: Option<Pin<Box<Sleep>>>,
}

impl<S> PacedIo<S> {
    pub(super) fn new(stream: S, peer: Arc<Peer>, limits: Limits) -> Self {
        Self { stream, peer, stall: Stall::new(limits.stall), linger: limits.linger, lingering: None }
    }

    fn paced<T>(&mut self, done: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        match done {
            Poll::Ready(done) => {
                self.stall.is_over();
                self.peer.takes();
                Poll::Ready(done)
            }
            Poll::Pending => self.stall.poll(cx).map(Err),
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
            Poll::Pending => self.stall.poll(cx).map(Err),
            done => done,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            match Pin::new(&mut self.stream).poll_shutdown(cx) {
                Poll::Pending => return self.stall.poll(cx).map(Err),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => {}
            }
        }
        self.poll_linger(cx).map(Ok)
    }
}
