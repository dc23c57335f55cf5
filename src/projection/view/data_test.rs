//! What must hold for the rows of a view: questions that find the rows it does not hold for.

use super::Column;
use crate::projection::front_matter::{FrontMatter, Located};

/// Offending rows that a test names at most.
const NAMED: usize = 5;

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataTest {
    /// These columns have a value.
    NotNull(Vec<String>),
    /// No two rows are the same in these columns.
    Unique(Vec<String>),
    /// A value stands in another table too; an empty one need not.
    Relationship {
        /// The column here.
        column: String,
        /// The other table.
        table: String,
        /// The column there.
        there: String,
    },
    /// A condition in SQL; a row it is unknown for offends too.
    Expr(String),
}

impl DataTest {
    fn parse(text: &str) -> Option<Self> {
        let (kind, inner) = text.strip_suffix(')')?.split_once('(')?;
        let names = || {
            let names = inner.split(',').map(|name| name.trim().to_owned());
            names.collect::<Vec<_>>()
        };
        match kind.trim() {
            "not_null" => Some(Self::NotNull(names())),
            "unique" => Some(Self::Unique(names())),
            "relationship" => {
                let (column, there) = inner.split_once("->")?;
                let (table, there) = there.trim().rsplit_once('.')?;
                Some(Self::Relationship {
                    column: column.trim().to_owned(),
                    table: table.to_owned(),
                    there: there.to_owned(),
                })
            }
            "expr" => Some(Self::Expr(inner.trim().to_owned())),
            _ => None,
        }
    }

    /// The columns of the view it names.
    fn columns(&self) -> Vec<&str> {
        match self {
            Self::NotNull(columns) | Self::Unique(columns) => {
                columns.iter().map(String::as_str).collect()
            }
            Self::Relationship { column, .. } => vec![column],
            Self::Expr(_) => Vec::new(),
        }
    }

    /// As it stands in a head.
    pub fn text(&self) -> String {
        match self {
            Self::NotNull(columns) => format!("not_null({})", columns.join(", ")),
            Self::Unique(columns) => format!("unique({})", columns.join(", ")),
            Self::Relationship { column, table, there } => {
                format!("relationship({column} -> {table}.{there})")
            }
            Self::Expr(condition) => format!("expr({condition})"),
        }
    }

    /// The question that gives some of the rows that offend.
    pub(crate) fn sql(&self, table: &str) -> String {
        let from = match self {
            Self::NotNull(columns) => {
                let nulls: Vec<_> = columns.iter().map(|it| format!("{it} is null")).collect();
                format!("select * from {table} where {}", nulls.join(" or "))
            }
            Self::Unique(columns) => {
                let columns = columns.join(", ");
                format!(
                    "select {columns}, count(*) as rows from {table} group by {columns} having count(*) > 1"
                )
            }
            Self::Relationship { column, table: other, there } => format!(
                "select distinct {column} from {table} where {column} <> '' and {column} not in (select {there} from {other} where {there} is not null)"
            ),
            Self::Expr(condition) => {
                format!("select * from {table} where ({condition}) is not true")
            }
        };
        format!("{from} limit {NAMED}")
    }
}

/// Reads `not_null(a); unique(a, b)`.
pub(crate) fn data_tests(head: &mut FrontMatter, columns: &[Column]) -> Vec<Located<DataTest>> {
    let mut tests = Vec::new();
    for item in head.required_items("tests", ';') {
        let Some(test) = DataTest::parse(&item.value) else {
            let problem = format!(
                "{:?} is no test; say `not_null(a)`, `unique(a, b)`, `relationship(a -> table.b)` or `expr(a <= b)`",
                item.value
            );
            head.wrong(item.line, problem);
            continue;
        };
        for name in test.columns() {
            if !columns.is_empty() && !columns.iter().any(|column| column.name == name) {
                head.wrong(item.line, format!("test column {name:?} is not one of the columns"));
            }
        }
        tests.push(Located { value: test, line: item.line });
    }
    tests
}
