//! Functions that clients call, and that have one answer here.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array as _, AsArray as _, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use datafusion::scalar::ScalarValue;

use super::DATABASE;
use crate::query::postgres::settings::{SERVER_VERSION, Settings};

/// A function with the same answer for any arguments.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Constant {
    name: &'static str,
    value: ScalarValue,
    signature: Signature,
}

fn any(volatility: Volatility) -> Signature {
    Signature::one_of(vec![TypeSignature::Nullary, TypeSignature::VariadicAny], volatility)
}

fn constant_function(name: &'static str, value: ScalarValue) -> ScalarUDF {
    ScalarUDF::new_from_impl(Constant { name, value, signature: any(Volatility::Stable) })
}

impl ScalarUDFImpl for Constant {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(self.value.data_type())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        Ok(ColumnarValue::Scalar(self.value.clone()))
    }
}

/// Those that every connection has.
#[expect(clippy::too_many_lines, reason = "a list")]
pub(super) fn constant() -> Vec<ScalarUDF> {
    let text = |value: &str| ScalarValue::from(value);
    let version = format!("PostgreSQL {SERVER_VERSION} (Ledgerline {})", env!("CARGO_PKG_VERSION"));
    let nothing = [
        "col_description",
        "inet_client_addr",
        "inet_server_addr",
        "json_build_object",
        "obj_description",
        "pg_get_constraintdef",
        "pg_get_expr",
        "pg_get_function_result",
        "pg_get_functiondef",
        "pg_get_indexdef",
        "pg_get_ruledef",
        "pg_get_serial_sequence",
        "pg_get_triggerdef",
        "pg_get_viewdef",
        "shobj_description",
    ];
    let no_number =
        ["generate_subscripts", "to_regclass", "to_regnamespace", "to_regproc", "to_regtype"];
    let empty = [
        "pg_get_function_arguments",
        "pg_get_function_identity_arguments",
        "pg_tablespace_location",
    ];
    let yes = [
        "has_any_column_privilege",
        "has_column_privilege",
        "has_database_privilege",
        "has_function_privilege",
        "has_schema_privilege",
        "has_sequence_privilege",
        "has_table_privilege",
        "pg_collation_is_visible",
        "pg_conversion_is_visible",
        "pg_function_is_visible",
        "pg_has_role",
        "pg_opclass_is_visible",
        "pg_operator_is_visible",
        "pg_opfamily_is_visible",
        "pg_statistics_obj_is_visible",
        "pg_ts_config_is_visible",
        "pg_type_is_visible",
    ];
    let no = ["pg_is_in_recovery", "pg_is_other_temp_schema", "pg_is_wal_replay_paused"];
    let zero = [
        "pg_database_size",
        "pg_indexes_size",
        "pg_relation_filenode",
        "pg_relation_size",
        "pg_table_size",
        "pg_total_relation_size",
        "txid_current",
    ];
    let mut all = vec![
        constant_function("version", ScalarValue::from(version)),
        constant_function("pg_get_userbyid", text(DATABASE)),
        constant_function("inet_server_port", ScalarValue::Int32(None)),
        constant_function("pg_my_temp_schema", ScalarValue::from(0i32)),
        constant_function("pg_encoding_to_char", text("UTF8")),
        constant_function("pg_char_to_encoding", ScalarValue::from(6i32)),
    ];
    all.extend(nothing.map(|name| constant_function(name, ScalarValue::Utf8(None))));
    all.extend(no_number.map(|name| constant_function(name, ScalarValue::Int32(None))));
    all.push(ScalarUDF::new_from_impl(Format { signature: any(Volatility::Immutable) }));
    all.push(constant_function("_pg_expandarray", no_pair()));
    all.extend(empty.map(|name| constant_function(name, text(""))));
    all.extend(yes.map(|name| constant_function(name, ScalarValue::from(true))));
    all.extend(no.map(|name| constant_function(name, ScalarValue::from(false))));
    all.extend(zero.map(|name| constant_function(name, ScalarValue::from(0i64))));
    all
}

/// A position in an array that has none, and its element.
fn no_pair() -> ScalarValue {
    let field = |name: &str| Arc::new(Field::new(name, DataType::Int32, true));
    ScalarValue::try_new_null(&DataType::Struct(vec![field("x"), field("n")].into()))
        .unwrap_or(ScalarValue::Null)
}

/// Those whose answer is the connection's own.
pub(super) fn of_connection(user: &str, settings: &Settings, pid: i32) -> Vec<ScalarUDF> {
    let values = settings.all().into_iter();
    let values = values.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    vec![
        constant_function("session_user", ScalarValue::from(user)),
        constant_function("current_role", ScalarValue::from(user)),
        constant_function("pg_backend_pid", ScalarValue::from(pid)),
        ScalarUDF::new_from_impl(Setting {
            values: Arc::new(values),
            signature: any(Volatility::Stable),
        }),
        ScalarUDF::new_from_impl(SetConfig { signature: any(Volatility::Volatile) }),
    ]
}

/// `current_setting('search_path')`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Setting {
    values: Arc<BTreeMap<String, String>>,
    signature: Signature,
}

impl ScalarUDFImpl for Setting {
    fn name(&self) -> &'static str {
        "current_setting"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let names = texts(&args, 0)?;
        let value = |name: &str| self.values.get(&name.to_ascii_lowercase()).cloned();
        let shown: StringArray = names.iter().map(|name| name.and_then(value)).collect();
        Ok(ColumnarValue::Array(Arc::new(shown)))
    }
}

/// `set_config('search_path', 'public', false)`: says what it was asked to set.
#[derive(Debug, PartialEq, Eq, Hash)]
struct SetConfig {
    signature: Signature,
}

impl ScalarUDFImpl for SetConfig {
    fn name(&self) -> &'static str {
        "set_config"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        Ok(ColumnarValue::Array(Arc::new(texts(&args, 1)?)))
    }
}

/// `format('%I.%I', schema, name)`, with `%s`, `%I`, `%L` and `%%`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Format {
    signature: Signature,
}

impl ScalarUDFImpl for Format {
    fn name(&self) -> &'static str {
        "format"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let columns: Result<Vec<_>, _> = (0..args.args.len()).map(|at| texts(&args, at)).collect();
        let columns = columns?;
        let rows = columns.first().map_or(0, StringArray::len);
        let written = (0..rows).map(|row| {
            let mut values =
                columns.iter().map(|column| (!column.is_null(row)).then(|| column.value(row)));
            let pattern = values.next().flatten()?;
            Some(formatted(pattern, values))
        });
        Ok(ColumnarValue::Array(Arc::new(written.collect::<StringArray>())))
    }
}

fn formatted<'a>(pattern: &str, mut values: impl Iterator<Item = Option<&'a str>>) -> String {
    let mut text = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            Some('%') | None => text.push('%'),
            Some('I') => {
                let name = values.next().flatten().unwrap_or_default();
                let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
                    && name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'));
                match is_plain {
                    true => text.push_str(name),
                    false => text.push_str(&format!("\"{}\"", name.replace('"', "\"\""))),
                }
            }
            Some('L') => match values.next().flatten() {
                Some(value) => text.push_str(&format!("'{}'", value.replace('\'', "''"))),
                None => text.push_str("NULL"),
            },
            Some(_) => text.push_str(values.next().flatten().unwrap_or_default()),
        }
    }
    text
}

fn texts(args: &ScalarFunctionArgs, at: usize) -> Result<StringArray, DataFusionError> {
    let arrays = ColumnarValue::values_to_arrays(&args.args)?;
    let array = arrays.get(at).ok_or_else(|| {
        DataFusionError::Plan("the function wants the name of a setting".to_owned())
    })?;
    let texts = cast(array, &DataType::Utf8)?;
    debug_assert_eq!(texts.len(), array.len(), "a cast keeps rows");
    Ok(texts.as_string::<i32>().clone())
}

#[cfg(test)]
mod tests {
    use super::formatted;

    #[test]
    fn names_and_values_are_quoted_where_they_need_it() {
        let values = ["public", "My \"own\"", "it's", "x"].map(Some);
        let text = formatted("%I.%I %L %s 100%%", values.into_iter());
        assert_eq!(text, "public.\"My \"\"own\"\"\" 'it''s' x 100%");
    }
}
