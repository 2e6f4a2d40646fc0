//! A page that any browser opens without a network: head, verdict, tiles, plots and tables.
//!
//! Owns how a page looks. Must never know where its figures come from.
//!
//! | file | subject |
//! | --- | --- |
//! | `plot`, `paper` | one plot; its axes |
//! | `scale` | ticks and units |

mod paper;
mod plot;
mod scale;

use std::fmt::{self, Write};

pub(crate) use plot::{Drawn, Line, Mark, Plot, Side};
pub(crate) use scale::{Spread, Unit};

/// The button's script: everything else works without any.
const SCRIPT: &str = "document.querySelector('button').onclick=()=>{const r=document.documentElement,\
    d=r.dataset.theme?r.dataset.theme==='dark':matchMedia('(prefers-color-scheme: dark)').matches;\
    r.dataset.theme=d?'light':'dark'}";

/// What stands above everything.
pub(crate) struct Head {
    pub(crate) title: String,
    /// What was done, in a sentence.
    pub(crate) subtitle: String,
    /// When, with which versions: one short text each.
    pub(crate) facts: Vec<String>,
}

/// How a verdict is meant, which gives it its colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    Good,
    Doubtful,
    Bad,
    /// Neither good nor bad.
    Plain,
}

/// What a page says in the first place.
pub(crate) struct Verdict {
    pub(crate) mood: Mood,
    pub(crate) words: String,
    pub(crate) reasons: Vec<String>,
}

/// A row of a table: a name and a value.
pub(crate) type Entry = (String, String);

/// A cell of a table with columns.
pub(crate) enum Cell {
    Text(String),
    /// Stands at the right.
    Number(String),
}

/// A figure that one looks at first, and what it is.
pub(crate) type Tile = (String, String);

/// A page while it is written.
#[derive(Default)]
pub(crate) struct Page {
    out: String,
}

impl Page {
    /// A page with its head.
    pub(crate) fn new(head: &Head) -> Page {
        let mut page = Page::default();
        page.add(|out| write_head(head, out));
        page
    }

    /// Adds what `write` writes.
    pub(crate) fn add(&mut self, write: impl FnOnce(&mut String) -> fmt::Result) {
        let written = write(&mut self.out);
        assert!(written.is_ok(), "a string takes all text");
    }

    pub(crate) fn verdict(&mut self, verdict: &Verdict) {
        self.add(|out| write_verdict(verdict, out));
    }

    pub(crate) fn tiles(&mut self, tiles: &[Tile]) {
        self.add(|out| {
            writeln!(out, r#"<div class="tiles">"#)?;
            for (figure, what) in tiles {
                let (figure, what) = (escape(figure), escape(what));
                writeln!(out, r#"<div class="tile"><b>{figure}</b><span>{what}</span></div>"#)?;
            }
            writeln!(out, "</div>")
        });
    }

    /// Plots below a heading; nothing without plots.
    pub(crate) fn plots(&mut self, heading: &str, plots: &[Plot]) {
        if plots.is_empty() {
            return;
        }
        self.add(|out| {
            writeln!(out, r#"<h2>{}</h2><div class="plots">"#, escape(heading))?;
            plots.iter().try_for_each(|plot| plot.write(out))?;
            writeln!(out, "</div>")
        });
    }

    /// The heading above tables.
    pub(crate) fn heading(&mut self, heading: &str) {
        self.add(|out| writeln!(out, "<h2>{}</h2>", escape(heading)));
    }

    /// Whatever stands in the columns of tables.
    pub(crate) fn tables(&mut self, write: impl FnOnce(&mut String) -> fmt::Result) {
        self.add(|out| {
            writeln!(out, r#"<div class="tables">"#)?;
            write(out)?;
            writeln!(out, "</div>")
        });
    }

    /// The page with its last line.
    pub(crate) fn finish(mut self, footer: &str) -> String {
        self.add(|out| {
            writeln!(out, "<footer>{}</footer></main>", escape(footer))?;
            writeln!(out, "<script>{SCRIPT}</script></body></html>")
        });
        self.out
    }
}

fn write_head(head: &Head, out: &mut String) -> fmt::Result {
    let title = escape(&head.title);
    writeln!(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")?;
    writeln!(out, r#"<meta name="viewport" content="width=device-width, initial-scale=1">"#)?;
    writeln!(out, "<title>{title}</title>\n<style>{}</style></head>", include_str!("page.css"))?;
    writeln!(out, "<body><main><header><div><h1>{title}</h1>")?;
    writeln!(out, "<p>{}</p>", escape(&head.subtitle))?;
    let facts: Vec<String> = head.facts.iter().map(|fact| format!("<span>{}</span>", escape(fact))).collect();
    writeln!(out, "<p class=\"facts\">{}</p></div>", facts.join(" "))?;
    writeln!(out, "<button type=\"button\">light / dark</button></header>")
}

fn write_verdict(verdict: &Verdict, out: &mut String) -> fmt::Result {
    let class = match verdict.mood {
        Mood::Good => "good",
        Mood::Doubtful => "warn",
        Mood::Bad => "bad",
        Mood::Plain => "plain",
    };
    write!(out, r#"<section class="verdict {class}"><strong>{}</strong>"#, escape(&verdict.words))?;
    if !verdict.reasons.is_empty() {
        write!(out, "<ul>")?;
        verdict.reasons.iter().try_for_each(|reason| write!(out, "<li>{}</li>", escape(reason)))?;
        write!(out, "</ul>")?;
    }
    writeln!(out, "</section>")
}

/// Writes a table of names and values.
pub(crate) fn write_entries(title: &str, entries: &[Entry], out: &mut String) -> fmt::Result {
    writeln!(out, "<div class=\"table\"><h3>{}</h3><table>", escape(title))?;
    for (name, value) in entries {
        writeln!(out, "<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(value))?;
    }
    writeln!(out, "</table></div>")
}

/// Writes a table with columns over the whole width.
pub(crate) fn write_columns(
    title: &str,
    names: &[&str],
    rows: &[(String, Vec<Cell>)],
    out: &mut String,
) -> fmt::Result {
    writeln!(out, "<div class=\"table wide\"><h3>{}</h3><table><tr><th></th>", escape(title))?;
    let first = rows.first().map(|(_, cells)| cells.as_slice()).unwrap_or_default();
    for (at, name) in names.iter().enumerate() {
        let class = if matches!(first.get(at), Some(Cell::Text(_))) { "" } else { " class=\"n\"" };
        write!(out, "<th{class}>{}</th>", escape(name))?;
    }
    writeln!(out, "</tr>")?;
    for (name, cells) in rows {
        write!(out, "<tr><th>{}</th>", escape(name))?;
        for cell in cells {
            match cell {
                Cell::Text(text) => write!(out, "<td>{}</td>", escape(text))?,
                Cell::Number(text) => write!(out, "<td class=\"n\">{}</td>", escape(text))?,
            }
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</table></div>")
}

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_written_is_text_and_nothing_else() {
        let head = Head { title: "<b>&\"".into(), subtitle: "<i>".into(), facts: vec!["<u>".into()] };
        let page = Page::new(&head).finish("<s>");
        assert!(["<b>", "<i>", "<u>", "<s>"].iter().all(|tag| !page.contains(tag)), "{page}");
    }
}
