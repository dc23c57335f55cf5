//! Functions over sketches, for views and questions alike.
//!
//! In: columns. Out: `hll_sketch(x)` and `quantile_sketch(x)` make sketches, `hll_merge(s)` and
//! `quantile_merge(s)` make one of many, `distinct_of(s)` and `quantile_of(s, share)` read them.
//! Invariant: what is stored does not depend on the order of rows, see [`sketch`].
//!
//! [`sketch`]: crate::projection::sketch

use std::sync::Arc;

use datafusion::arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::cast::as_list_array;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{exec_err, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;

use crate::projection::sketch::{Distinct, Merged, Quantiles, SketchError};

/// Makes the functions known to an engine.
pub(crate) fn register(context: &SessionContext) {
    for kind in [Kind::Hll, Kind::HllMerge, Kind::Quantile, Kind::QuantileMerge] {
        context.register_udaf(AggregateUDF::from(SketchFunction::new(kind)));
    }
    context.register_udf(ScalarUDF::from(ReadFunction::distinct()));
    context.register_udf(ScalarUDF::from(ReadFunction::quantile()));
}

impl From<SketchError> for DataFusionError {
    fn from(error: SketchError) -> Self {
        Self::Execution(error.to_string())
    }
}

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Hll,
    HllMerge,
    Quantile,
    QuantileMerge,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Hll => "hll_sketch",
            Self::HllMerge => "hll_merge",
            Self::Quantile => "quantile_sketch",
            Self::QuantileMerge => "quantile_merge",
        }
    }

    /// What an argument is read as; nothing where it cannot be.
    fn input(self, given: &DataType) -> Option<DataType> {
        let given = match given {
            DataType::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        let is_text = matches!(given, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        match self {
            _ if given.is_null() => Some(self.wanted()),
            Self::Hll if is_text => Some(DataType::Utf8),
            Self::Hll | Self::Quantile if given.is_integer() => Some(DataType::Int64),
            Self::HllMerge | Self::QuantileMerge => is_bytes(given).then_some(DataType::Binary),
            Self::Hll | Self::Quantile => None,
        }
    }

    const fn wanted(self) -> DataType {
        match self {
            Self::Hll | Self::Quantile => DataType::Int64,
            Self::HllMerge | Self::QuantileMerge => DataType::Binary,
        }
    }

    /// What is carried between the parts of a question.
    fn state(self) -> DataType {
        match self {
            Self::Hll | Self::HllMerge => DataType::Binary,
            Self::Quantile => list(DataType::Int64),
            Self::QuantileMerge => list(DataType::Binary),
        }
    }
}

fn list(of: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(of, true)))
}

const fn is_bytes(given: &DataType) -> bool {
    matches!(given, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

/// A function that makes a sketch.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SketchFunction {
    kind: Kind,
    signature: Signature,
}

impl SketchFunction {
    fn new(kind: Kind) -> Self {
        Self { kind, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for SketchFunction {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let name = self.name();
        let [given] = given else { return plan_err!("{name} wants one column") };
        let wanted = match self.kind {
            Kind::Hll => "a text or a whole number",
            Kind::Quantile => "a whole number, such as milliseconds; round or cast other ones",
            Kind::HllMerge => "what hll_sketch or hll_merge made",
            Kind::QuantileMerge => "what quantile_sketch or quantile_merge made",
        };
        self.kind.input(given).map_or_else(
            || plan_err!("{name} wants {wanted}, not {given}"),
            |input| Ok(vec![input]),
        )
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(arguments.name, self.kind.state(), true))])
    }

    fn accumulator(&self, _arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Ok(match self.kind {
            Kind::Hll | Kind::HllMerge => Box::new(DistinctState(Distinct::default())),
            Kind::Quantile => Box::new(QuantileState(Quantiles::default())),
            Kind::QuantileMerge => Box::new(MergedState(Merged::default())),
        })
    }
}

#[derive(Debug)]
struct DistinctState(Distinct);

impl Accumulator for DistinctState {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let Some(column) = columns.first() else { return Ok(()) };
        match column.data_type() {
            DataType::Utf8 => {
                column.as_string::<i32>().iter().flatten().for_each(|text| self.0.text(text));
            }
            DataType::Int64 => {
                let numbers = column.as_primitive::<Int64Type>();
                numbers.iter().flatten().for_each(|number| self.0.number(number));
            }
            DataType::Binary => {
                for sketch in column.as_binary::<i32>().iter().flatten() {
                    self.0.merge(sketch)?;
                }
            }
            other => return exec_err!("a sketch of {other}"),
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(Some(self.0.bytes())))
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

#[derive(Debug)]
struct QuantileState(Quantiles);

impl QuantileState {
    fn take(&mut self, column: &ArrayRef) {
        self.0.extend(column.as_primitive::<Int64Type>().iter().flatten());
    }
}

impl Accumulator for QuantileState {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        columns.iter().for_each(|column| self.take(column));
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(self.0.bytes()))
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let values: ArrayRef = Arc::new(Int64Array::from(self.0.values().to_vec()));
        Ok(vec![SingleRowListArrayBuilder::new(values).build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in states {
            as_list_array(state)?.iter().flatten().for_each(|values| self.take(&values));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct MergedState(Merged);

impl MergedState {
    fn take(&mut self, column: &ArrayRef) {
        column.as_binary::<i32>().iter().flatten().for_each(|sketch| self.0.push(sketch));
    }
}

impl Accumulator for MergedState {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        columns.iter().for_each(|column| self.take(column));
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(self.0.bytes()?))
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let parts = datafusion::arrow::array::BinaryArray::from_iter_values(self.0.parts());
        Ok(vec![SingleRowListArrayBuilder::new(Arc::new(parts)).build_list_scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in states {
            as_list_array(state)?.iter().flatten().for_each(|sketches| self.take(&sketches));
        }
        Ok(())
    }
}

/// A function that reads a sketch.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ReadFunction {
    name: &'static str,
    signature: Signature,
}

impl ReadFunction {
    fn distinct() -> Self {
        let signature = Signature::exact(vec![DataType::Binary], Volatility::Immutable);
        Self { name: "distinct_of", signature }
    }

    fn quantile() -> Self {
        let arguments = TypeSignature::Exact(vec![DataType::Binary, DataType::Float64]);
        Self { name: "quantile_of", signature: Signature::new(arguments, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ReadFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&arguments.args)?;
        let read = match columns.as_slice() {
            [sketches] => {
                let sketches = sketches.as_binary::<i32>().iter();
                let read = sketches.map(|sketch| sketch.map(Distinct::estimate).transpose());
                read.collect::<std::result::Result<Int64Array, _>>()?
            }
            [sketches, shares] => {
                let shares = shares.as_primitive::<Float64Type>().iter();
                let pairs = sketches.as_binary::<i32>().iter().zip(shares);
                let read = pairs.map(|(sketch, share)| match (sketch, share) {
                    (Some(sketch), Some(share)) => Quantiles::estimate(sketch, share),
                    _ => Ok(None),
                });
                read.collect::<std::result::Result<Int64Array, _>>()?
            }
            _ => return exec_err!("{} wants a sketch", self.name),
        };
        Ok(ColumnarValue::Array(Arc::new(read)))
    }
}

#[cfg(test)]
mod tests;
