//! Tables: what a terminal and a page show alike.

use maud::{Markup, html};

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Words.
    Words(String),
    /// A number, at the right edge.
    Number(String),
    /// In place of a number, the words that it is withheld.
    Withheld(String),
}

impl Cell {
    /// What it says.
    pub fn text(&self) -> &str {
        match self {
            Self::Words(text) | Self::Number(text) | Self::Withheld(text) => text,
        }
    }
}

/// A table. The first cell of a row names the row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Heads of the columns.
    pub heads: Vec<String>,
    /// Rows, each as long as the heads.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// As HTML, with a caption that says what it shows.
    pub fn html(&self, caption: &str) -> Markup {
        let is_number = |column: usize| self.rows.iter().any(|row| matches!(row.get(column), Some(Cell::Number(_))));
        html! {
            div.scroll tabindex="0" role="group" aria-label=(caption) {
                table {
                    caption { (caption) }
                    thead { tr { @for (column, head) in self.heads.iter().enumerate() {
                        th scope="col" class=[is_number(column).then_some("number")] { (head) }
                    } } }
                    tbody { @for row in &self.rows { tr { @for (column, cell) in row.iter().enumerate() {
                        @match cell {
                            Cell::Words(text) if column == 0 => th scope="row" { (text) },
                            Cell::Words(text) => td { (text) },
                            Cell::Number(text) => td.number { (text) },
                            Cell::Withheld(text) => td.withheld { (text) },
                        }
                    } } } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_names_its_rows_and_columns_and_escapes_what_it_is_given() {
        let table = Table {
            heads: vec!["group".to_owned(), "n".to_owned()],
            rows: vec![
                vec![Cell::Words("<b>".to_owned()), Cell::Number("12".to_owned())],
                vec![Cell::Words("men".to_owned()), Cell::Withheld("withheld".to_owned())],
            ],
        };
        let html = table.html("people & groups").into_string();
        assert!(html.contains("<caption>people &amp; groups</caption>"), "{html}");
        assert!(html.contains("<th scope=\"row\">&lt;b&gt;</th><td class=\"number\">12</td>"), "{html}");
        assert!(html.contains("<th scope=\"col\" class=\"number\">n</th>"), "{html}");
        assert!(html.contains("<td class=\"withheld\">withheld</td>"), "{html}");
    }
}
