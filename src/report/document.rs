//! A report between its figures and its looks: text and numbers, in one language.

/// A report before it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Document {
    pub(super) title: String,
    /// What stands below it.
    pub(super) subtitle: String,
    /// `en` or `zh`.
    pub(super) language: &'static str,
    /// The rest, in order.
    pub(super) blocks: Vec<Block>,
}

/// A piece of a report.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Block {
    Heading(String),
    /// Headline figures.
    Tiles(Vec<Tile>),
    /// Named lengths.
    Bars(Vec<Bar>),
    /// Steps that lose some of those before, widest first.
    Funnel(Vec<Bar>),
    /// Courses over the same hours.
    Lines(Lines),
    /// Shares by day and hour.
    Heat(Heat),
    /// Heads, and rows of cells; numbers stand to the right.
    Table {
        heads: Vec<String>,
        rows: Vec<Vec<String>>,
    },
    /// What stands out.
    Findings(Vec<Remark>),
    /// Sentences.
    Notes(Vec<String>),
    /// There is nothing to show.
    Nothing(String),
}

/// Whether something is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Neutral,
}

/// One headline figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) label: String,
    pub(super) value: String,
    /// Of what it is a share, or the like.
    pub(super) note: String,
    /// What it was, and how much that differs.
    pub(super) changes: Vec<(String, Tone)>,
}

/// One bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) label: String,
    /// Its length.
    pub(super) count: i64,
    /// The part of it that stands out; 0 where none does.
    pub(super) part: i64,
    /// What stands behind it.
    pub(super) note: String,
}

/// Courses over the same places.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lines {
    /// Names of the places.
    pub(super) places: Vec<String>,
    /// The first course stands out.
    pub(super) courses: Vec<Course>,
    /// Whether values are parts per million, else counts.
    pub(super) is_share: bool,
}

/// One course.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Course {
    pub(super) label: String,
    /// One for each place; nothing where there is none.
    pub(super) values: Vec<Option<i64>>,
}

/// Shares by row and column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heat {
    pub(super) columns: Vec<String>,
    /// Names, and a share for each column. Units: parts per million.
    pub(super) rows: Vec<(String, Vec<Option<i64>>)>,
    /// What darker means.
    pub(super) legend: String,
}

/// One thing that stands out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Remark {
    pub(super) tone: Tone,
    /// What is so.
    pub(super) sentence: String,
    /// What could be done.
    pub(super) advice: String,
    /// The command that shows it.
    pub(super) command: String,
}
