//! The views of `projections/`: what each file says of itself.
//!
//! In: SQL files with a head. Out: [`View`]s, with every mistake that can be seen without an
//! engine. Files are read from disk in a debug build, so that an edit counts at once, and are
//! part of the program in a release build. Invariants: a view reads each input by the moment
//! that decides its window, so a changed row touches only the windows of that row; a view with
//! a mistake is there too, and says so in [`View::refusal`]. Deliberately absent: running
//! anything; whether the query fits the tables it reads (see `sql/check.rs`).

mod column;
mod data_test;

use std::collections::BTreeMap;

use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

pub(crate) use self::column::columns;
pub use self::column::{Column, ColumnKind, Measure, MeasureKind};
pub use self::data_test::DataTest;
pub(crate) use self::data_test::data_tests;
use super::front_matter::{FrontMatter, FrontMatterError, Located, Mistake};
use super::tables;
pub use super::window::Width;
use crate::base::{Millis, Timestamp, hex};

const KEYS: &[&str] = &[
    "name",
    "layer",
    "question",
    "grain",
    "key",
    "window",
    "inputs",
    "columns",
    "measures",
    "tests",
    "lateness",
    "refresh",
    "retention",
];

#[derive(RustEmbed)]
#[folder = "projections/"]
struct Files;

/// For whom a view is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// What happened, cleaned and joined.
    Fact,
    /// Running the floor: lines, agents, calls by the minute and the hour.
    Operational,
    /// From a list to an agreement.
    Funnel,
    /// What to change.
    Strategic,
    /// What is known about one person.
    Portrait,
}

impl Layer {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Fact, Self::Operational, Self::Funnel, Self::Strategic, Self::Portrait];

    /// The name of its schema in SQL and of its folder.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fact => "fact",
            Self::Operational => "operational",
            Self::Funnel => "funnel",
            Self::Strategic => "strategic",
            Self::Portrait => "portrait",
        }
    }
}

/// One table a view reads, and which of its columns decide the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    /// A base table, or `layer.name` of another view.
    pub(crate) table: String,
    /// The moment, or the text that is hashed where the window is a bucket.
    pub(crate) from: String,
    /// The end of an interval: such a row touches every window it lies in.
    pub(crate) until: Option<String>,
    /// The line of the head it stands on.
    pub(crate) line: usize,
}

/// One view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its file below `projections/`.
    pub file: String,
    /// Its name in SQL, inside its layer's schema.
    pub name: String,
    /// For whom it is.
    pub layer: Layer,
    /// What it answers.
    pub question: String,
    /// What one row stands for, in words.
    pub grain: String,
    /// The columns that tell one row from another; the window is the first.
    pub key: Vec<String>,
    /// The column that says which window a row belongs to.
    pub window: String,
    /// How wide a window is.
    pub width: Width,
    /// Every column, in the query's order.
    pub columns: Vec<Column>,
    /// The columns that are not in the key, and how they are added up.
    pub measures: Vec<Measure>,
    /// How late events are expected to come: how long after a window's end it is final. Later
    /// ones land in their window all the same.
    pub lateness: Millis,
    /// How often it wants to be refreshed at most.
    pub refresh: Millis,
    /// Windows that begin longer before the last one are dropped; nothing where all are kept.
    pub retention: Option<Millis>,
    /// What must hold for its rows, each with its line.
    pub(crate) tests: Vec<Located<DataTest>>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) sql: String,
    /// The line of the file that the query begins on.
    pub(crate) body_line: usize,
    /// The whole file.
    pub(crate) text: String,
    /// SHA-256 over file, fold and inputs: another one means that everything is made again.
    pub definition: String,
    /// Why the file is refused; empty where it is not.
    pub refusal: Vec<Mistake>,
    /// Its place in the order views are made in: what it reads comes before it.
    pub(crate) rank: usize,
    /// Whether it cannot be refreshed: what is stored is served as it is.
    pub(crate) is_frozen: bool,
}

impl View {
    /// `layer.name`.
    pub fn table(&self) -> String {
        format!("{}.{}", self.layer.as_str(), self.name)
    }

    /// Why it is refused, with file and lines; nothing where it is not.
    pub fn refused(&self) -> Option<FrontMatterError> {
        let mistakes = self.refusal.clone();
        let file = format!("projections/{}", self.file);
        (!mistakes.is_empty()).then_some(FrontMatterError { file, mistakes })
    }

    /// Until when windows are final by the log's own clock: one that ends by then has every event
    /// that came within the view's lateness. Nothing where a window is no span of time, as such
    /// a one is never over.
    pub fn final_until(&self, clock: Timestamp) -> Option<Timestamp> {
        self.width.micros()?;
        let late = i64::try_from(self.lateness.0.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let until = self.width.start(clock.as_micros().saturating_sub(late));
        Some(Timestamp::from_micros(until))
    }

    /// Refuses it.
    pub(crate) fn refuse(&mut self, line: usize, problem: String) {
        self.refusal.push(Mistake { line, problem });
        self.refusal.sort();
        self.is_frozen = true;
    }

    /// Reads one file. Nothing where its path is not `layer/name.sql`.
    pub(crate) fn parse(file: &str, text: &str) -> Option<Self> {
        let (folder, stem) = file.strip_suffix(".sql")?.split_once('/')?;
        let layer = Layer::ALL.into_iter().find(|layer| layer.as_str() == folder)?;
        let mut head = FrontMatter::parse(text, KEYS);
        let name = head.required("name");
        if !name.is_empty() && name != stem {
            let line = head.line("name");
            head.wrong(line, format!("name {name:?} is not the file's; say {stem}"));
        }
        let said = head.required("layer");
        if !said.is_empty() && said != folder {
            let line = head.line("layer");
            head.wrong(line, format!("layer {said:?} is not the folder; say {folder}"));
        }
        let (width, window) = read_window(&mut head);
        let key: Vec<String> =
            head.required_items("key", ',').into_iter().map(|item| item.value).collect();
        if !key.is_empty() && !window.is_empty() && key.first() != Some(&window) {
            let line = head.line("key");
            head.wrong(line, format!("key must begin with the window {window:?}"));
        }
        let columns = columns(&mut head);
        let measures = column::measures(&mut head, &columns, &key);
        let mut view = Self {
            file: file.to_owned(),
            name: stem.to_owned(),
            layer,
            question: head.required("question"),
            grain: head.required("grain"),
            window,
            key,
            width,
            lateness: span(&mut head, "lateness", true).unwrap_or_default(),
            refresh: span(&mut head, "refresh", true).unwrap_or_default(),
            retention: span(&mut head, "retention", false),
            tests: data_tests(&mut head, &columns),
            columns,
            measures,
            inputs: read_inputs(&mut head),
            sql: head.body.clone(),
            body_line: head.body_line,
            definition: definition(text),
            text: text.to_owned(),
            refusal: Vec::new(),
            rank: usize::MAX,
            is_frozen: false,
        };
        view.check_window(&mut head);
        if let Err(error) = head.finish(file) {
            view.refusal = error.mistakes;
            view.is_frozen = true;
        }
        Some(view)
    }

    /// Whether window and columns fit each other.
    fn check_window(&self, head: &mut FrontMatter) {
        let kind = self.columns.iter().find(|column| column.name == self.window);
        let wanted = match self.width {
            Width::Minute | Width::Hour | Width::Day | Width::Week => ColumnKind::Moment,
            Width::Bucket => ColumnKind::Text,
            Width::Whole => {
                if self.retention.is_some() && self.window.is_empty() && head.mistakes.is_empty() {
                    let problem = "retention needs windows that are spans of time".to_owned();
                    head.wrong(head.line("retention"), problem);
                }
                return;
            }
        };
        if let Some(column) = kind.filter(|column| column.kind != wanted) {
            let (is, wanted) = (column.kind.as_str(), wanted.as_str());
            let problem = format!("the window {:?} is {is}; it must be {wanted}", self.window);
            head.wrong(head.line("window"), problem);
        }
        if self.retention.is_some() && self.width == Width::Bucket {
            let problem = "retention needs windows that are spans of time".to_owned();
            head.wrong(head.line("retention"), problem);
        }
    }
}

fn read_window(head: &mut FrontMatter) -> (Width, String) {
    let text = head.required("window");
    let (kind, column) = text.split_once(' ').unwrap_or((&text, ""));
    let width = Width::ALL.into_iter().find(|width| width.as_str() == kind);
    let width = width.filter(|width| (*width == Width::Whole) == column.is_empty());
    if let (None, false) = (width, text.is_empty()) {
        let line = head.line("window");
        head.wrong(
            line,
            format!(
                "window {text:?} is none; say `minute COLUMN`, `hour COLUMN`, `day COLUMN`, `week COLUMN`, `bucket COLUMN` or `whole`"
            ),
        );
    }
    (width.unwrap_or(Width::Whole), column.trim().to_owned())
}

fn read_inputs(head: &mut FrontMatter) -> Vec<Input> {
    let mut inputs = Vec::new();
    for item in head.required_items("inputs", ',') {
        match read_input(&item) {
            Some(input) => inputs.push(input),
            None => head.wrong(
                item.line,
                format!(
                    "input {:?} is none; say `table.moment`, `table.from..until`, or `layer.view.column`",
                    item.value
                ),
            ),
        }
    }
    inputs
}

fn read_input(item: &Located<String>) -> Option<Input> {
    let (columns, until) = match item.value.split_once("..") {
        Some((columns, until)) => (columns, Some(until.to_owned())),
        None => (item.value.as_str(), None),
    };
    let (table, from) = columns.rsplit_once('.')?;
    let is_name = |text: &str| {
        !text.is_empty() && text.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
    };
    let is_right = table.split('.').count() <= 2
        && table.split('.').all(is_name)
        && is_name(from)
        && until.as_deref().is_none_or(is_name);
    is_right.then(|| Input {
        table: table.to_owned(),
        from: from.to_owned(),
        until,
        line: item.line,
    })
}

/// A span such as `5 s`, `36 h` or `90 d`.
fn span(head: &mut FrontMatter, key: &str, is_needed: bool) -> Option<Millis> {
    let text = if is_needed { head.required(key) } else { head.optional(key) };
    if text.is_empty() {
        return None;
    }
    let span = text.split_once(' ').and_then(|(count, unit)| {
        let unit: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        count.parse::<u64>().ok()?.checked_mul(unit)
    });
    if span.is_none() {
        let line = head.line(key);
        head.wrong(line, format!("{key} {text:?} is no span; say such as `5 s`, `36 h` or `90 d`"));
    }
    span.map(Millis)
}

fn definition(text: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(tables::VERSION.to_be_bytes());
    hash.update(text.as_bytes());
    hex(&hash.finalize())
}

/// The definition of a view that reads other views: theirs count too.
pub(crate) fn definition_with(own: &str, inputs: &[String]) -> String {
    if inputs.is_empty() {
        return own.to_owned();
    }
    let mut hash = Sha256::new();
    hash.update(own.as_bytes());
    for input in inputs {
        hash.update(input.as_bytes());
    }
    hex(&hash.finalize())
}

/// All views as their files say, by layer and name.
pub(crate) fn parse_all() -> Vec<View> {
    let mut views = BTreeMap::new();
    for file in Files::iter().filter(|file| file.ends_with(".sql")) {
        let Some(content) = Files::get(&file) else { continue };
        if let Some(view) = View::parse(&file, &String::from_utf8_lossy(&content.data)) {
            views.insert((view.layer, view.name.clone()), view);
        }
    }
    views.into_values().collect()
}

#[cfg(test)]
mod tests;
