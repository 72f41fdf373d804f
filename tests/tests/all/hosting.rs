//! Servers as operators, callers and strangers meet them.

mod documents;
mod hanging;
mod monitoring;
mod processes;
mod wire;
