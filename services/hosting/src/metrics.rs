//! What every server counts and measures of itself, in the Prometheus text format.
//!
//! | metric | |
//! |---|---|
//! | `nacre_http_requests_total{route,method,status}` | by route template, never by what stands in its place |
//! | `nacre_http_request_duration_seconds{route}` | until the answer begins |
//! | `nacre_http_places_taken{pool}`, `nacre_http_places{pool}` | see [`crate::load`] |
//! | `nacre_refusals_total{reason}` | the word of the problem |
//! | `nacre_connections_open`, `nacre_connections_limit` | |
//! | `nacre_ready`, `nacre_lacking{what}` | see [`crate::ready`] |
//! | `nacre_data_bytes`, `nacre_data_free_bytes` | size of the data folder; room on its disk |
//! | `nacre_certificate_expires_timestamp_seconds` | |
//! | `nacre_build_info{version,role}` | 1 |
//!
//! Kept true: labels are of closed sets: words of the program, names of chains and of peers; never a record or a person.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, prometheus_text},
    metrics::{
        counter::Counter,
        family::{Family, MetricConstructor},
        gauge::Gauge,
        histogram::Histogram,
        info::Info,
    },
    registry::Registry,
};

use crate::{load::Load, ready::Lack, reports::Reports, serve::Connections};

/// What every metric's name begins with.
const PREFIX: &str = "nacre";
/// The media type of the Prometheus text format.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolLabel {
    pool: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhatLabel {
    what: &'static str,
}

#[derive(Clone)]
struct Seconds;

impl MetricConstructor<Histogram> for Seconds {
    fn new_metric(&self) -> Histogram {
        Histogram::new([0.002, 0.01, 0.05, 0.25, 1.0, 5.0, 20.0, 60.0, 300.0])
    }
}

/// A server's metrics.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabel, Histogram, Seconds>,
    places_taken: Family<PoolLabel, Gauge>,
    places: Family<PoolLabel, Gauge>,
    connections: Gauge,
    ready: Gauge,
    lacking: Family<WhatLabel, Gauge>,
    data_bytes: Gauge,
    data_free_bytes: Gauge<f64, AtomicU64>,
    certificate_expires: Gauge,
}

impl Metrics {
    pub(crate) fn new(role: &'static str, reports: &Reports, has_tls: bool, connections_limit: usize) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let metrics = Self {
            registry: Mutex::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(Seconds),
            places_taken: Family::default(),
            places: Family::default(),
            connections: Gauge::default(),
            ready: Gauge::default(),
            lacking: Family::default(),
            data_bytes: Gauge::default(),
            data_free_bytes: Gauge::default(),
            certificate_expires: Gauge::default(),
        };
        let build = Info::new([("version", env!("CARGO_PKG_VERSION")), ("role", role)]);
        registry.register("build", "The program, and what it serves as", build);
        registry.register("http_requests", "Requests that were answered", metrics.requests.clone());
        let help = "Time until an answer begins";
        registry.register("http_request_duration_seconds", help, metrics.durations.clone());
        registry.register("http_places_taken", "Requests at work", metrics.places_taken.clone());
        registry.register("http_places", "Requests that may be at work", metrics.places.clone());
        registry.register("connections_open", "Connections", metrics.connections.clone());
        let limit = Gauge::<i64>::default();
        limit.set(i64::try_from(connections_limit).unwrap_or(i64::MAX));
        registry.register("connections_limit", "Connections that may be open", limit);
        registry.register("ready", "1 if the server is fit for all of its work", metrics.ready.clone());
        registry.register("lacking", "1 for what it lacks", metrics.lacking.clone());
        registry.register("data_bytes", "Size of the data folder", metrics.data_bytes.clone());
        registry.register("data_free_bytes", "Room on the data folder's disk", metrics.data_free_bytes.clone());
        if has_tls {
            let help = "When the server's certificate expires";
            let expires = metrics.certificate_expires.clone();
            registry.register("certificate_expires_timestamp_seconds", help, expires);
        }
        reports.register(&mut registry);
        Self { registry: Mutex::new(registry), ..metrics }
    }

    /// Gives the registry to a role, for metrics of its own.
    pub(crate) fn with_registry<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A request was answered.
    pub(crate) fn answered(&self, route: &str, method: &axum::http::Method, status: u16, time: Duration) {
        let route = RouteLabel { route: route.to_owned() };
        self.durations.get_or_create(&route).observe(time.as_secs_f64());
        let labels = RequestLabels { route: route.route, method: known_method(method), status };
        self.requests.get_or_create(&labels).inc();
    }

    /// What is looked at rather than counted.
    pub(crate) fn look_at(&self, load: Option<&Arc<Load>>, connections: &Connections, lacks: &[Lack]) {
        for (pool, taken, size) in load.into_iter().flat_map(|load| load.at_work()) {
            let label = PoolLabel { pool: pool.as_str() };
            self.places_taken.get_or_create(&label).set(i64::try_from(taken).unwrap_or(i64::MAX));
            self.places.get_or_create(&label).set(i64::try_from(size).unwrap_or(i64::MAX));
        }
        self.connections.set(i64::try_from(connections.count()).unwrap_or(i64::MAX));
        self.ready.set(i64::from(lacks.is_empty()));
        self.lacking.clear();
        for lack in lacks {
            self.lacking.get_or_create(&WhatLabel { what: lack.what }).set(1);
        }
    }

    /// Size and room of the data folder, in bytes.
    pub(crate) fn measured(&self, size: Option<u64>, free: Option<u64>) {
        if let Some(size) = size {
            self.data_bytes.set(i64::try_from(size).unwrap_or(i64::MAX));
        }
        if let Some(free) = free {
            self.data_free_bytes.set(free as f64);
        }
    }

    /// When the certificate expires, in Unix seconds.
    pub(crate) fn certificate_expires(&self, at_s: u64) {
        self.certificate_expires.set(i64::try_from(at_s).unwrap_or(i64::MAX));
    }

    /// All of it, as text.
    pub(crate) fn encode(&self) -> String {
        let mut text = String::new();
        self.with_registry(|registry| {
            // Writing to a string cannot fail.
            let _ = prometheus_text::encode(&mut text, registry);
        });
        text
    }
}

/// A gauge of a role's own, by labels.
#[derive(Clone)]
pub struct Gauges {
    labels: &'static [&'static str],
    family: Family<Vec<(&'static str, String)>, Gauge<f64, AtomicU64>>,
}

impl Gauges {
    pub(crate) fn register(
        registry: &mut Registry,
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        let gauges = Self { labels, family: Family::default() };
        registry.register(name, help, gauges.family.clone());
        gauges
    }

    /// Sets the gauge of those labels' values, which are in the order of the labels.
    pub fn set(&self, values: &[&str], value: f64) {
        let labels = self.labels.iter().zip(values).map(|(label, value)| (*label, (*value).to_owned())).collect();
        self.family.get_or_create(&labels).set(value);
    }
}

/// A stranger's method is none of a closed set.
fn known_method(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        _ => "other",
    }
}
