//! Rows as the bytes of a Parquet file, the same bytes for the same rows.

use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

/// Rows of one row group: what a question about one hour skips by.
const GROUP: usize = 65_536;

/// A file's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    /// Their BLAKE3.
    pub(crate) blake3: String,
}

impl Encoded {
    /// The name of the file.
    pub(super) fn name(&self, label: &str) -> String {
        let short: String = self.blake3.chars().take(16).collect();
        format!("{label}-{short}.parquet")
    }
}

/// Everything the bytes depend on is said here, so that a view made again has the same files.
fn properties() -> Result<WriterProperties, ParquetError> {
    Ok(WriterProperties::builder()
        .set_created_by("ledgerline".to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_dictionary_enabled(true)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(GROUP))
        .build())
}

/// Rows as a file.
pub(crate) fn encode(rows: &RecordBatch) -> Result<Encoded, ParquetError> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), Some(properties()?))?;
    writer.write(rows)?;
    writer.close()?;
    let blake3 = blake3::hash(&bytes).to_hex().to_string();
    Ok(Encoded { bytes, blake3 })
}

/// The rows of a file.
pub(crate) fn decode(
    bytes: Vec<u8>,
) -> Result<RecordBatch, Box<dyn std::error::Error + Send + Sync>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes))?;
    let schema = reader.schema().clone();
    let batches = reader.build()?.collect::<Result<Vec<_>, _>>()?;
    Ok(concat_batches(&schema, &batches)?)
}
