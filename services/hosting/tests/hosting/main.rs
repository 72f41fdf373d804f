//! Files of a network as a role finds them when it starts.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a test that fails")]

mod founding;
mod roots;
mod trust;
