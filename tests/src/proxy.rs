//! A proxy that its owner put in front of a server, and that changes what the server says.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    response::Response,
};
use tokio::net::TcpListener;

/// What becomes of an answer to a call of that path; none if it is passed on as it is.
type Twist = Box<dyn Fn(&str, &[u8]) -> Option<Vec<u8>> + Send + Sync>;

/// A proxy at work.
pub struct Proxy {
    target: String,
    twist: Twist,
    twisted: AtomicUsize,
}

impl Proxy {
    /// Passes calls on to the server at `target`, and twists its answers.
    pub fn start(
        listener: TcpListener,
        target: String,
        twist: impl Fn(&str, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let proxy = Arc::new(Self { target, twist: Box::new(twist), twisted: AtomicUsize::new(0) });
        let app = Router::new().fallback(Self::relay).with_state(Arc::clone(&proxy));
        tokio::spawn(async move { axum::serve(listener, app).await });
        proxy
    }

    /// How many answers it changed.
    pub fn twisted(&self) -> usize {
        self.twisted.load(Ordering::Relaxed)
    }

    async fn relay(State(proxy): State<Arc<Self>>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a test's call arrives whole");
        let url = format!("http://{}{}", proxy.target, parts.uri);
        let mut call = reqwest::Client::new().request(parts.method, url);
        for name in ["content-type", "authorization"] {
            if let Some(value) = parts.headers.get(name) {
                call = call.header(name, value);
            }
        }
        let answer = call.body(body).send().await.expect("the server behind runs");
        let status = answer.status();
        let content_type = answer.headers().get("content-type").cloned();
        let bytes = answer.bytes().await.expect("the server behind answers").to_vec();
        let twisted = (proxy.twist)(parts.uri.path(), &bytes);
        proxy.twisted.fetch_add(usize::from(twisted.is_some()), Ordering::Relaxed);
        let bytes = twisted.unwrap_or(bytes);
        let mut response = Response::builder().status(status);
        if let Some(content_type) = content_type {
            response = response.header("content-type", content_type);
        }
        response.body(bytes.into()).expect("a status and a header make an answer")
    }
}
