//! Rows of the engine as rows of the protocol.

use std::sync::Arc;

use arrow_pg::datatypes::field_into_pg_type;
use arrow_pg::row_encoder::RowEncoder;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use pgwire::api::Type;
use pgwire::api::results::{FieldFormat, FieldInfo};
use pgwire::messages::data::{DataRow, FieldDescription, RowDescription};

use super::fault::Fault;
use crate::query::Rows;

/// The columns of an answer.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// As the engine gives them once they are cast.
    schema: SchemaRef,
    pub(super) fields: Arc<Vec<FieldInfo>>,
}

impl Columns {
    /// Columns in the formats that were asked for: none for text, one for all, or one each.
    pub(super) fn new(schema: &Schema, formats: &[i16]) -> Result<Self, Fault> {
        if formats.len() > 1 && formats.len() != schema.fields().len() {
            let said = format!(
                "bind message has {} result formats but query has {} columns",
                formats.len(),
                schema.fields().len()
            );
            return Err(Fault::new("08P01", said));
        }
        let spoken: Vec<Field> = schema.fields().iter().map(|field| spoken(field)).collect();
        let mut fields = Vec::with_capacity(spoken.len());
        for (at, field) in spoken.iter().enumerate() {
            let kind = field_into_pg_type(&Arc::new(field.clone()))?;
            let format = formats.get(at).or(formats.first()).copied().unwrap_or_default();
            let (size, format) = (size(&kind), FieldFormat::from(format));
            let info = FieldInfo::new(field.name().clone(), None, None, kind, format);
            fields.push(info.with_type_size(size));
        }
        Ok(Self { schema: Arc::new(Schema::new(spoken)), fields: Arc::new(fields) })
    }

    /// Columns of text, for what the session says itself.
    pub(super) fn texts(names: &[&str]) -> Result<Self, Fault> {
        let field = |name: &&str| Field::new(*name, DataType::Utf8, true);
        Self::new(&Schema::new(names.iter().map(field).collect::<Vec<_>>()), &[])
    }

    /// As it is sent.
    pub(super) fn description(&self) -> RowDescription {
        RowDescription::new(self.fields.iter().map(FieldDescription::from).collect())
    }

    /// The rows of a batch.
    pub(super) fn encoder(&self, batch: &RecordBatch) -> Result<RowEncoder, Fault> {
        let failed = |error: datafusion::arrow::error::ArrowError| {
            Fault::new("XX000", format!("encode rows: {error}"))
        };
        let columns = batch.columns().iter().zip(self.schema.fields()).map(|(column, field)| {
            match column.data_type() == field.data_type() {
                true => Ok(column.clone()),
                false => cast(column, field.data_type()),
            }
        });
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let options = datafusion::arrow::array::RecordBatchOptions::new()
            .with_row_count(Some(batch.num_rows()));
        // What the engine declares of nulls does not matter to a client.
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options);
        Ok(RowEncoder::new(batch.map_err(failed)?, self.fields.clone()))
    }
}

/// A column in a type that the protocol has and the encoder writes rightly.
fn spoken(field: &Field) -> Field {
    let spoken = match field.data_type() {
        DataType::Float16 => DataType::Float32,
        DataType::FixedSizeBinary(_) => DataType::Binary,
        // The encoder writes a null among intervals as no time at all.
        DataType::Interval(_)
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal256(..)
        | DataType::Map(..)
        | DataType::Union(..)
        | DataType::RunEndEncoded(..) => DataType::Utf8,
        other => other.clone(),
    };
    let metadata = field.metadata().clone();
    Field::new(field.name(), spoken, true).with_metadata(metadata)
}

/// Bytes of a value where all have as many.
const fn size(kind: &Type) -> i16 {
    match *kind {
        Type::BOOL | Type::CHAR => 1,
        Type::INT2 => 2,
        Type::INT4 | Type::OID | Type::FLOAT4 | Type::DATE => 4,
        Type::INT8 | Type::FLOAT8 | Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::TIME => 8,
        Type::INTERVAL => 16,
        _ => -1,
    }
}

/// Rows of an answer, one by one.
pub(super) struct Cursor {
    rows: Rows,
    columns: Columns,
    batch: Option<RowEncoder>,
}

impl Cursor {
    pub(super) const fn new(rows: Rows, columns: Columns) -> Self {
        Self { rows, columns, batch: None }
    }

    /// The next row; nothing after the last one.
    pub(super) async fn next(&mut self) -> Result<Option<DataRow>, Fault> {
        loop {
            if let Some(row) = self.batch.as_mut().and_then(RowEncoder::next_row) {
                return Ok(Some(row?));
            }
            match self.rows.next().await {
                Some(batch) => self.batch = Some(self.columns.encoder(&batch?)?),
                None => return Ok(None),
            }
        }
    }
}
