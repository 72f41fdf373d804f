//! What people read, whichever role shows it: words in four languages, names of regions and measures, tables, charts and pages.
//!
//! Kept true: the same input gives the same bytes, in every language. A page is one file that loads nothing from elsewhere and runs no
//! script. A chart says in words what it draws, and what is withheld looks and reads otherwise than zero. Texts for machines are
//! not here: JSON is the same in every language.
//!
//! Errors: a language that is not known. A text that a language lacks is shown in English, and one that English lacks by its key;
//! a test lets neither happen.
//!
//! Cost: a language's texts are parsed at its first use, once.

pub mod chart;
pub mod flow;
pub mod language;
mod names;
pub mod page;
pub mod table;
mod text;

pub use language::Language;
pub use text::Value;
