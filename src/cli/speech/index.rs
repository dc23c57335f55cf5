//! The list of what lies in a folder of prompts: `index.csv`.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// One clip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    /// The file's name without its ending.
    pub(super) key: String,
    /// `en` or `zh`.
    pub(super) language: String,
    /// The voice that was asked for.
    pub(super) voice: String,
    /// Its length. Units: seconds.
    pub(super) seconds: String,
    /// Who spoke, or where it was found.
    pub(super) engine: String,
    /// Under what terms the clip may be passed on.
    pub(super) licence: String,
    /// The words.
    pub(super) text: String,
}

/// Reads a folder's index; a folder without one has no clips.
pub(super) fn read(path: &Path) -> anyhow::Result<BTreeMap<String, Row>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error).with_context(|| format!("{}", path.display())),
    };
    let rows = csv::Reader::from_reader(text.as_slice()).into_deserialize::<Row>();
    rows.map(|row| row.map(|row| (row.key.clone(), row)))
        .collect::<Result<_, _>>()
        .with_context(|| format!("{}", path.display()))
}

/// Writes it, ordered by language and text so that changes read well.
pub(super) fn write(path: &Path, rows: &BTreeMap<String, Row>) -> anyhow::Result<()> {
    let mut rows: Vec<&Row> = rows.values().collect();
    rows.sort_by_key(|row| (&row.language, &row.voice, &row.text));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    fs::write(path, writer.into_inner()?).with_context(|| format!("{}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_comes_back_as_it_went() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.csv");
        assert!(read(&path).unwrap().is_empty());
        let row = Row {
            key: "ab".to_owned(),
            language: "zh".to_owned(),
            voice: String::new(),
            seconds: "1.20".to_owned(),
            engine: "kokoro".to_owned(),
            licence: "Apache-2.0".to_owned(),
            text: "您好, \"line\"\nbreak".to_owned(),
        };
        let rows = BTreeMap::from([(row.key.clone(), row)]);
        write(&path, &rows).unwrap();
        assert_eq!(read(&path).unwrap(), rows);
        fs::write(&path, "key\nab\n").unwrap();
        assert!(read(&path).is_err());
    }
}
