//! Answers that are large: each holds its place until its peer has taken it, or is given up, so that however many are asked
//! for at once, only so many are in memory. A body alone would not do: its bytes go to the connection at once, and are taken
//! later.
//!
//! No errors. Cost: none beyond the bytes.

use axum::body::{Body, Bytes};

/// Bytes, and the place that goes with the last of them.
struct Held<B, P> {
    bytes: B,
    _place: P,
}

impl<B: AsRef<[u8]>, P> AsRef<[u8]> for Held<B, P> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// A body of these bytes, which keeps the place for as long as any of them is held.
pub(crate) fn body_holding<P: Send + 'static>(place: P, bytes: impl AsRef<[u8]> + Send + 'static) -> Body {
    Body::from(Bytes::from_owner(Held { bytes, _place: place }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_body_holds_its_place_until_its_last_byte_is_let_go_of() {
        let place = Arc::new(());
        let body = body_holding(Arc::clone(&place), vec![7; 3]);
        let bytes = axum::body::to_bytes(body, 3).await.unwrap();
        let last = bytes.slice(2..);
        drop(bytes);
        assert_eq!((Arc::strong_count(&place), &last[..]), (2, &[7][..]));
        drop(last);
        assert_eq!(Arc::strong_count(&place), 1);
    }
}
