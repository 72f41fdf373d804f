//! Telling a server that is at work from one that hangs: beside a call that lasts, its server is asked for its health.
//!
//! Kept true: a call is given up only after its server left [`QUESTIONS`] in a row unanswered, for [`SILENCE`] each, that take it
//! no work. Every answer is a sign of life, a refusal too. So is a connection that is refused: a server that is ending finishes
//! what it has begun. A call that is at work may therefore last as long as its own limit allows.
//!
//! Errors: [`ClientError::Silent`]. Cost: nothing for a call of less than [`NOTICE`]; for longer ones a small request every
//! [`AGAIN`].

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use nacre_wire::operation::GET_HEALTH;
use tokio::time::timeout;

use super::ClientError;
use crate::address::Address;

/// How long a call may last before its server is asked for its health, and how long that may take before it is said aloud.
const NOTICE: Duration = Duration::from_secs(1);
/// How long a server may take to answer for its health.
const SILENCE: Duration = Duration::from_secs(5);
/// How often in a row it has to be silent: once, it may have been this machine that was held up.
const QUESTIONS: u32 = 2;
/// The pause after an answer.
const AGAIN: Duration = Duration::from_secs(10);

/// The call's result, or that its server hangs.
pub(super) async fn watched<T>(
    http: &reqwest::Client,
    address: &Address,
    call: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    let (begun, mut call, mut pause) = (Instant::now(), pin!(call), NOTICE);
    loop {
        if let Ok(result) = timeout(pause, &mut call).await {
            return result;
        }
        tokio::select! {
            biased;
            result = &mut call => return result,
            silent = is_silent(http, address) => if silent {
                let (url, waited_s) = (address.as_str().to_owned(), begun.elapsed().as_secs());
                return Err(ClientError::Silent { url, waited_s });
            }
        }
        pause = AGAIN;
    }
}

/// Asks for the server's health. Whether it had nothing to say.
async fn is_silent(http: &reqwest::Client, address: &Address) -> bool {
    // Every address has a place for its health.
    let Some(health) = address.at(GET_HEALTH.facts().path) else { return false };
    for question in 0..QUESTIONS {
        let mut asked = pin!(http.get(health.clone()).timeout(SILENCE).send());
        let answer = match timeout(NOTICE, &mut asked).await {
            Ok(answer) => answer,
            Err(_) => {
                if question == 0 {
                    let (server, for_s) = (address.as_str(), (SILENCE * QUESTIONS - NOTICE).as_secs());
                    tracing::warn!("{server} does not answer; it is given up if it is silent for {for_s} s more");
                }
                asked.await
            }
        };
        if !answer.is_err_and(|error| error.is_timeout()) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use axum::{Router, routing::get};
    use tokio::net::TcpListener;

    use nacre_hosting::tls::ClientTls;

    use super::*;
    use crate::client::http_client;

    /// Watches a call that never ends, for somewhat longer than a server may be silent.
    async fn watch(address: &str) -> Option<ClientError> {
        let address = Address::parse(&format!("http://{address}")).unwrap();
        let http = http_client(&address, &ClientTls::default()).unwrap();
        let call = watched::<()>(&http, &address, pending());
        timeout((QUESTIONS + 1) * SILENCE, call).await.ok()?.err()
    }

    #[tokio::test]
    async fn a_call_to_a_server_that_hangs_is_given_up_and_one_to_a_server_at_work_is_not() {
        // The system takes connections for it; it answers nothing.
        let hung = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let working = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (hung_at, working_at) = (hung.local_addr().unwrap(), working.local_addr().unwrap());
        let routes =
            Router::new().route(GET_HEALTH.facts().path, get(|| async { axum::http::StatusCode::SERVICE_UNAVAILABLE }));
        tokio::spawn(axum::serve(working, routes).into_future());
        let ending = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let addresses = [hung_at, working_at, ending].map(|address| address.to_string());
        let [hung_up, at_work, is_ending] = futures::future::join_all(addresses.iter().map(|address| watch(address)))
            .await
            .try_into()
            .unwrap_or_else(|_| unreachable!());
        let said = hung_up.unwrap();
        assert!(matches!(&said, ClientError::Silent { url, .. } if *url == format!("http://{hung_at}")), "{said}");
        assert!(said.is_retryable() && said.to_string().contains("does not answer"), "{said}");
        assert!(at_work.is_none(), "{at_work:?}");
        assert!(is_ending.is_none(), "what takes no connection may be ending: {is_ending:?}");
    }
}
