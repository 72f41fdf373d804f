//! The signals that end a process.

use tokio::signal::unix::{SignalKind, signal};

/// Resolves at the first interrupt or termination.
pub async fn stop() {
    let interrupt = tokio::signal::ctrl_c();
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        // Without a handler there is no orderly stop; the process then ends when it is killed.
        return if interrupt.await.is_err() {
            std::future::pending().await
        };
    };
    tokio::select! {
        _ = interrupt => {}
        _ = terminate.recv() => {}
    }
}
