use bytes::Bytes;
use datafusion::scalar::ScalarValue;

use super::*;

fn wanted(types: &[Option<DataType>], declared: &[u32]) -> Wanted {
    let found = types.iter().enumerate();
    let found = found.map(|(at, kind)| (format!("${}", at + 1), kind.clone())).collect();
    Wanted::new(&found, declared).expect("parameters")
}

fn check(wanted: &Wanted, formats: &[i16], value: &[u8], expected: Option<ScalarValue>) {
    let values = vec![Some(Bytes::copy_from_slice(value))];
    let bind = Bind { formats: formats.to_vec(), values, ..Bind::default() };
    let bound = wanted.values(&bind).ok().map(|params| match params.0 {
        ParamValues::List(values) => values[0].value.clone(),
        other => panic!("{other:?}"),
    });
    assert_eq!(bound, expected, "{value:?}");
}

#[test]
fn values_are_read_as_declared_and_cast_as_needed() {
    let whole = wanted(&[Some(DataType::Int64)], &[]);
    assert_eq!(whole.oids(), [Type::INT8.oid()]);
    check(&whole, &[], b"42", Some(ScalarValue::Int64(Some(42))));
    check(&whole, &[1], &42i64.to_be_bytes(), Some(ScalarValue::Int64(Some(42))));
    check(&whole, &[], b"x", None);
    check(&whole, &[1], b"x", None);
    let small = wanted(&[Some(DataType::Int64)], &[Type::INT2.oid()]);
    check(&small, &[1], &7i16.to_be_bytes(), Some(ScalarValue::Int64(Some(7))));
    let unknown = wanted(&[None], &[0]);
    assert_eq!(unknown.oids(), [Type::TEXT.oid()]);
    check(&unknown, &[], b"loan", Some(ScalarValue::from("loan")));
    let text = wanted(&[Some(DataType::Utf8)], &[Type::INT4.oid()]);
    check(&text, &[], b"5", Some(ScalarValue::from("5")));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let one = wanted(&[Some(DataType::Int64)], &[]);
    let code = |bind: Bind| one.values(&bind).expect_err("refused").code;
    assert_eq!(code(Bind::default()), "08P01");
    let two = Bind { formats: vec![0, 1], values: vec![None], ..Bind::default() };
    assert_eq!(code(two), "08P01");
    let named = BTreeMap::from([("$id".to_owned(), None)]);
    assert_eq!(Wanted::new(&named, &[]).expect_err("refused").code, "42P02");
}
