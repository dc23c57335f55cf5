//! The views of `projections/`: what each file says of itself.
//!
//! In: SQL files with a head. Out: [`View`]s. Files are read from disk in a debug build, so that
//! an edit counts at once, and are part of the program in a release build. Invariants: a view
//! reads each input by the moment that decides its window, so a changed row touches only the
//! windows of that row. Deliberately absent: running anything.

use std::collections::BTreeMap;

use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

use super::front_matter::{FrontMatter, FrontMatterError};
use super::tables;
use crate::base::hex;

const KEYS: &[&str] = &["name", "layer", "description", "window", "grain", "inputs", "measures"];

#[derive(RustEmbed)]
#[folder = "projections/"]
struct Files;

/// For whom a view is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Running the floor: lines, agents, calls by the hour.
    Operational,
    /// From a list to an agreement.
    Funnel,
    /// What to change.
    Strategic,
}

impl Layer {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Operational, Self::Funnel, Self::Strategic];

    /// The name of its schema in SQL and of its folder.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operational => "operational",
            Self::Funnel => "funnel",
            Self::Strategic => "strategic",
        }
    }
}

/// How wide a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// One hour, UTC.
    Hour,
    /// One day, UTC.
    Day,
}

impl Width {
    /// The name in `date_trunc`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Units: µs.
    pub(crate) const fn micros(self) -> i64 {
        match self {
            Self::Hour => 3_600_000_000,
            Self::Day => 86_400_000_000,
        }
    }

    /// A window's name in the manifest and in file names, such as `2026-11-21T09`.
    pub(crate) fn label(self, start: i64) -> String {
        let text = crate::base::Timestamp::from_micros(start).to_string();
        let length = match self {
            Self::Hour => 13,
            Self::Day => 10,
        };
        text.chars().take(length).collect()
    }
}

/// One base table a view reads, and which of its columns decide the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) table: String,
    pub(crate) from: String,
    /// The end of an interval: such a row touches every window it lies in.
    pub(crate) until: Option<String>,
}

/// One view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name in SQL, inside its layer's schema.
    pub name: String,
    /// For whom it is.
    pub layer: Layer,
    /// What it says.
    pub description: String,
    /// The column that says which window a row belongs to.
    pub window: String,
    /// How wide a window is.
    pub width: Width,
    /// The columns one row stands for; the window is the first.
    pub grain: Vec<String>,
    /// The counts and sums.
    pub measures: Vec<String>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) sql: String,
    /// SHA-256 over file and fold: another one means that everything is made again.
    pub definition: String,
}

impl View {
    /// `layer.name`.
    pub fn table(&self) -> String {
        format!("{}.{}", self.layer.as_str(), self.name)
    }

    /// Reads one file.
    ///
    /// # Errors
    /// [`FrontMatterError`] naming file and line.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, FrontMatterError> {
        let head = FrontMatter::parse(file, text, KEYS)?;
        let name = head.required("name")?.to_owned();
        if !file.ends_with(&format!("/{name}.sql")) {
            return Err(head.wrong(format!("name {name:?} is not the file's")));
        }
        let layer = head.required("layer")?;
        let layer = Layer::ALL.into_iter().find(|known| known.as_str() == layer);
        let layer = layer.filter(|layer| file.starts_with(layer.as_str())).ok_or_else(|| {
            head.wrong("layer must be operational, funnel or strategic, as the folder".to_owned())
        })?;
        let window = head.required("window")?;
        let (width, window) = match window.split_once(' ') {
            Some(("hour", column)) => (Width::Hour, column.trim()),
            Some(("day", column)) => (Width::Day, column.trim()),
            _ => return Err(head.wrong("window must be `hour COLUMN` or `day COLUMN`".to_owned())),
        };
        let grain = head.list("grain");
        if grain.first().map(String::as_str) != Some(window) {
            return Err(head.wrong(format!("grain must begin with the window {window:?}")));
        }
        let measures = head.list("measures");
        if measures.is_empty() {
            return Err(head.wrong("key \"measures\" is missing".to_owned()));
        }
        let inputs = head.list("inputs").iter().map(|input| read_input(input)).collect();
        let inputs: Option<Vec<Input>> = inputs;
        let inputs = inputs.filter(|inputs| !inputs.is_empty()).ok_or_else(|| {
            head.wrong("inputs must be `table.moment` or `table.from..until`".to_owned())
        })?;
        Ok(Self {
            name,
            layer,
            description: head.required("description")?.to_owned(),
            window: window.to_owned(),
            width,
            grain,
            measures,
            inputs,
            sql: head.body,
            definition: definition(text),
        })
    }
}

fn read_input(text: &str) -> Option<Input> {
    let (table, columns) = text.split_once('.')?;
    let (from, until) = match columns.split_once("..") {
        Some((from, until)) => (from, Some(until.to_owned())),
        None => (columns, None),
    };
    let is_known = tables::REFERENCE.iter().any(|reference| {
        let has = |wanted: &str| reference.columns.iter().any(|(name, _)| *name == wanted);
        reference.name == table && has(from) && until.as_deref().is_none_or(has)
    });
    is_known.then(|| Input { table: table.to_owned(), from: from.to_owned(), until })
}

fn definition(text: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(tables::VERSION.to_be_bytes());
    hash.update(text.as_bytes());
    hex(&hash.finalize())
}

/// All views, by layer and name.
///
/// # Errors
/// [`FrontMatterError`] for the first file that cannot be used.
pub fn views() -> Result<Vec<View>, FrontMatterError> {
    let mut views = BTreeMap::new();
    for file in Files::iter().filter(|file| file.ends_with(".sql")) {
        let Some(content) = Files::get(&file) else { continue };
        let view = View::parse(&file, &String::from_utf8_lossy(&content.data))?;
        views.insert((view.layer, view.name.clone()), view);
    }
    Ok(views.into_values().collect())
}
