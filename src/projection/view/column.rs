//! The columns of a view: type, unit, and how a measure is added up.

use std::collections::BTreeSet;

use crate::projection::front_matter::FrontMatter;

/// The type of a stored column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// A whole number.
    Int64,
    /// Text.
    Text,
    /// A moment in UTC. Units: µs.
    Moment,
    /// Yes or no.
    Bool,
    /// The bytes of a sketch.
    Binary,
}

impl ColumnKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Int64, Self::Text, Self::Moment, Self::Bool, Self::Binary];

    /// The name in a head.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Int64 => "int64",
            Self::Text => "text",
            Self::Moment => "moment",
            Self::Bool => "bool",
            Self::Binary => "binary",
        }
    }
}

/// One column of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in SQL.
    pub name: String,
    /// Its type.
    pub kind: ColumnKind,
    /// Its unit; empty where it has none.
    pub unit: String,
    /// The line of the head it stands on.
    pub(crate) line: usize,
}

/// How a measure of several rows becomes that of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeasureKind {
    /// A number of rows: added up.
    Count,
    /// A sum: added up.
    Sum,
    /// The least one.
    Min,
    /// The greatest one.
    Max,
    /// What the latest row said: does not add up.
    Last,
    /// A sketch of distinct values: merged.
    Hll,
    /// A sketch of a distribution: merged.
    Quantiles,
}

impl MeasureKind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Count, Self::Sum, Self::Min, Self::Max, Self::Last, Self::Hll, Self::Quantiles];

    /// The name in a head.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Last => "last",
            Self::Hll => "hll",
            Self::Quantiles => "quantiles",
        }
    }

    /// Whether a column of this type can be measured so.
    const fn fits(self, kind: ColumnKind) -> bool {
        match self {
            Self::Count | Self::Sum => matches!(kind, ColumnKind::Int64),
            Self::Hll | Self::Quantiles => matches!(kind, ColumnKind::Binary),
            Self::Min | Self::Max | Self::Last => !matches!(kind, ColumnKind::Binary),
        }
    }
}

/// A column that is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The column.
    pub name: String,
    /// How it adds up.
    pub kind: MeasureKind,
}

/// Reads `name type unit | …`.
pub(crate) fn columns(head: &mut FrontMatter) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for item in head.required_items("columns", '|') {
        let mut words = item.value.splitn(3, ' ');
        let name = words.next().unwrap_or_default().to_owned();
        let kind = words.next().unwrap_or_default();
        let unit = words.next().unwrap_or_default().trim().to_owned();
        let Some(kind) = ColumnKind::ALL.into_iter().find(|known| known.as_str() == kind) else {
            let known = ColumnKind::ALL.map(ColumnKind::as_str).join(", ");
            let problem = format!("column {name:?} has no type that is known; say one of {known}");
            head.wrong(item.line, problem);
            continue;
        };
        if columns.iter().any(|column| column.name == name) {
            head.wrong(item.line, format!("column {name:?} stands twice"));
        }
        columns.push(Column { name, kind, unit, line: item.line });
    }
    columns
}

/// Reads `count(a, b); sum(c)`; every column outside the key is measured once.
pub(super) fn measures(head: &mut FrontMatter, columns: &[Column], key: &[String]) -> Vec<Measure> {
    let mut measures: Vec<Measure> = Vec::new();
    for item in head.required_items("measures", ';') {
        let parts = item.value.strip_suffix(')').and_then(|text| text.split_once('('));
        let known = MeasureKind::ALL.into_iter();
        let read = parts.and_then(|(kind, names)| {
            Some((known.clone().find(|known| known.as_str() == kind.trim())?, names))
        });
        let Some((kind, names)) = read else {
            let known = known.map(MeasureKind::as_str).collect::<Vec<_>>().join(", ");
            let problem = format!(
                "{:?} is no measure; say such as `count(attempts, answered)` with one of {known}",
                item.value
            );
            head.wrong(item.line, problem);
            continue;
        };
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let column = columns.iter().find(|column| column.name == name);
            let problem = match column {
                None => format!("measure {name:?} is not one of the columns"),
                Some(_) if key.iter().any(|key| key == name) => {
                    format!("{name:?} is part of the key and no measure")
                }
                Some(column) if !kind.fits(column.kind) => format!(
                    "{name:?} is {} and cannot be a {}",
                    column.kind.as_str(),
                    kind.as_str()
                ),
                Some(_) if measures.iter().any(|measure| measure.name == name) => {
                    format!("measure {name:?} stands twice")
                }
                Some(_) => {
                    measures.push(Measure { name: name.to_owned(), kind });
                    continue;
                }
            };
            head.wrong(item.line, problem);
        }
    }
    rest(head, columns, key, &measures);
    measures
}

/// What is neither key nor measure, and keys that are no column.
fn rest(head: &mut FrontMatter, columns: &[Column], key: &[String], measures: &[Measure]) {
    let measured: BTreeSet<&str> = measures.iter().map(|it| it.name.as_str()).collect();
    for column in columns {
        let name = column.name.as_str();
        if !key.iter().any(|key| key == name) && !measured.contains(name) && !measures.is_empty() {
            let problem = format!("column {name:?} is neither in the key nor in the measures");
            head.wrong(column.line, problem);
        }
    }
    for name in key {
        if !columns.is_empty() && !columns.iter().any(|column| column.name == *name) {
            head.wrong(head.line("key"), format!("key {name:?} is not one of the columns"));
        }
    }
}
