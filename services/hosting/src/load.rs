//! Bounds on what is at work, so that a flood of one kind of call holds up no other.
//!
//! | pool | what takes its places |
//! |---|---|
//! | [`Pool::Connection`] | health, tokens: they take a connection alone |
//! | [`Pool::Anonymous`] | reads that take no token: a rate in all, and one by address beyond this machine |
//! | [`Pool::Members`] | reads by members |
//! | [`Pool::Writes`] | what members send |
//! | [`Pool::Own`] | what the role counts by itself |
//!
//! Kept true: a request whose body has not arrived has a place among those that are read, and none among those at work
//! ([`Slot::arrived`]); so callers that send half of what they announced hold up others that send, and nothing else. A caller that
//! is refused for its rate is told a true time to come back at, and told late, so that a flood of calls is slowed by its own
//! refusals; its connection gives way to others meanwhile.
//!
//! Errors: problems `busy` (503) and `too-many-requests` (429), both with `Retry-After`. Cost: two atomics a request.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::HttpBody as _,
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::Response,
    routing::MethodRouter,
};
use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use nacre_schemas::problem::Problem;
use nacre_wire::{
    problem::{BUSY, TOO_MANY_REQUESTS},
    route::Pool,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::timeout::TimeoutLayer;

use crate::serve::Arrival;

/// Anonymous reads a second in all: some fifth of a core.
const ANONYMOUS_PER_S: NonZeroU32 = NonZeroU32::new(2_000).expect("2,000 is not 0");
/// Anonymous reads a second from one address beyond this machine.
const OF_ONE_ADDRESS_PER_S: NonZeroU32 = NonZeroU32::new(200).expect("200 is not 0");
/// How late a caller is told that it calls too often.
const HELD_BACK: Duration = Duration::from_millis(250);

/// The pools that are counted here.
const COUNTED: [Pool; 3] = [Pool::Anonymous, Pool::Members, Pool::Writes];

/// How many calls of each pool may be at work; as many bodies may be on their way.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Of [`Pool::Anonymous`].
    pub anonymous: usize,
    /// Of [`Pool::Members`].
    pub members: usize,
    /// Of [`Pool::Writes`].
    pub writes: usize,
}

#[derive(Clone)]
struct Places {
    size: usize,
    work: Arc<Semaphore>,
    reading: Arc<Semaphore>,
}

/// The bounds on a server's calls.
pub struct Load {
    pools: [Places; 3],
    in_all: DefaultDirectRateLimiter,
    by_address: DefaultKeyedRateLimiter<IpAddr>,
}

/// What bounds the calls of a route.
#[derive(Clone)]
struct Bound {
    load: Arc<Load>,
    is_anonymous: bool,
    places: Places,
    /// The server's form of a problem.
    refuse: fn(Problem) -> Response,
}

/// A request's place: among those being read, then among those at work.
#[derive(Clone)]
pub struct Slot {
    places: Places,
    place: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl Places {
    fn new(size: usize) -> Self {
        Self { size, work: Arc::new(Semaphore::new(size)), reading: Arc::new(Semaphore::new(size)) }
    }
}

fn enter(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(places).try_acquire_owned().map_err(|_| busy())
}

/// What a caller is told that found no place.
pub fn busy() -> Problem {
    let detail = "as much is at work here as is taken at once; nothing of what was sent was taken";
    BUSY.problem(detail)
}

impl Slot {
    /// The body is there: the request goes to work, if fewer than the bound are.
    pub fn arrived(&self) -> Result<(), Problem> {
        let place = enter(&self.places.work)?;
        // A panic while it was held leaves one place or the other.
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        Ok(())
    }
}

impl Load {
    /// Pools of those sizes.
    pub fn new(sizes: Sizes) -> Arc<Self> {
        let Sizes { anonymous, members, writes } = sizes;
        Arc::new(Self {
            pools: [anonymous, members, writes].map(Places::new),
            in_all: RateLimiter::direct(Quota::per_second(ANONYMOUS_PER_S)),
            by_address: RateLimiter::keyed(Quota::per_second(OF_ONE_ADDRESS_PER_S)),
        })
    }

    /// The route, with a bound on its calls and on the time of each. Bodies are bounded where they are read
    /// ([`crate::body::Cap`]), which is after their sender was told apart.
    pub(crate) fn bound<S: Clone + Send + Sync + 'static>(
        self: &Arc<Self>,
        pool: Pool,
        route: MethodRouter<S>,
        time: Duration,
        refuse: fn(Problem) -> Response,
    ) -> MethodRouter<S> {
        let route = route.route_layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, time));
        match self.places(pool) {
            None => route,
            Some(places) => {
                let bound = Bound {
                    load: Arc::clone(self),
                    is_anonymous: pool == Pool::Anonymous,
                    places: places.clone(),
                    refuse,
                };
                route.route_layer(middleware::from_fn_with_state(bound, limit))
            }
        }
    }

    /// The places of the pool, if they are counted here.
    fn places(&self, pool: Pool) -> Option<&Places> {
        let position = COUNTED.iter().position(|counted| *counted == pool)?;
        self.pools.get(position)
    }

    /// How many calls of each pool are at work, and how many may be.
    pub(crate) fn at_work(&self) -> impl Iterator<Item = (Pool, usize, usize)> {
        COUNTED
            .into_iter()
            .zip(&self.pools)
            .map(|(pool, Places { size, work, .. })| (pool, size - work.available_permits(), *size))
    }

    /// Lets go of addresses that have not called for a while.
    pub(crate) fn forget(&self) {
        self.by_address.retain_recent();
        self.by_address.shrink_to_fit();
    }

    /// That an anonymous caller may be answered now, or in how long.
    fn check_rate(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        let now = DefaultClock::default().now();
        if let Some(address) = address.filter(|address| !address.is_loopback()) {
            self.by_address.check_key(&network_of(address)).map_err(|until| until.wait_time_from(now))?;
        }
        self.in_all.check().map_err(|until| until.wait_time_from(now))
    }
}

/// What counts as one address: of IPv6 the 64 bits that a subscriber is given.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

/// Lets a request through if there is a place for it.
async fn limit(
    State(Bound { load, is_anonymous, places, refuse }): State<Bound>,
    mut request: Request,
    next: Next,
) -> Response {
    if is_anonymous {
        let arrival = request.extensions().get::<Arrival>().cloned();
        if let Err(wait) = load.check_rate(arrival.as_ref().map(Arrival::address)) {
            if let Some(arrival) = arrival {
                arrival.gives_way();
            }
            tokio::time::sleep(HELD_BACK).await;
            return refuse(too_often(wait));
        }
    }
    let has_body = !request.body().is_end_stream();
    let place = match enter(if has_body { &places.reading } else { &places.work }) {
        Ok(place) => place,
        Err(problem) => return refuse(problem),
    };
    let slot = Slot { places, place: Arc::new(Mutex::new(Some(place))) };
    request.extensions_mut().insert(slot.clone());
    let response = next.run(request).await;
    drop(slot);
    response
}

fn too_often(wait: Duration) -> Problem {
    // A part of a second is a whole one in HTTP.
    let seconds = wait.as_secs() + 1;
    let detail = format!("calls without a token are answered so many times a second; come back in {seconds} s");
    TOO_MANY_REQUESTS.problem(detail).retry_after(seconds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

    use super::*;

    #[test]
    fn anonymous_callers_have_a_rate_by_address_and_in_all_and_are_told_when_to_come_back() {
        let load = Load::new(Sizes { anonymous: 1, members: 1, writes: 1 });
        let [one, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(|octets| Some(IpAddr::from(octets)));
        let taken = (0..10_000).take_while(|_| load.check_rate(one).is_ok()).count();
        let of_one = OF_ONE_ADDRESS_PER_S.get() as usize;
        assert!((of_one..of_one * 2).contains(&taken), "{taken}");
        let wait = load.check_rate(one).unwrap_err();
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
        assert!(load.check_rate(other).is_ok(), "another address has its own");
        let ours = Some(IpAddr::from([127, 0, 0, 1]));
        let taken = (0..100_000).take_while(|_| load.check_rate(ours).is_ok()).count();
        let in_all = ANONYMOUS_PER_S.get() as usize;
        assert!(taken < in_all * 2, "{taken}");
        assert!(load.check_rate(ours).is_err() && load.check_rate(None).is_err());
    }

    #[test]
    fn one_subscriber_of_ipv6_is_one_address() {
        let of = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::2"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
