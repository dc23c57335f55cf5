use super::*;

fn files(files: &[(&str, &str)]) -> Result<Vec<SavedQuery>, String> {
    let texts: Vec<(String, String)> =
        files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    by_name(&texts).map_err(|error| error.to_string())
}

const PLAIN: &str =
    "-- name: calls\n-- description: Calls.\n-- example: ledgerline query calls\nselect 1";
const KPI: &str = "-- name: kpi_calls\n-- description: Calls.\n-- numerator: calls\n-- denominator: dials\n-- exclusions: none\n-- unit: parts per million\n-- source: practice\n-- params: from =, until\n-- example: ledgerline query kpi_calls\nselect 1";

#[test]
fn a_kpi_says_what_it_divides_by_what() {
    let found = files(&[("calls.sql", PLAIN), ("kpi/kpi_calls.sql", KPI)]).expect("reads");
    let [plain, kpi] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((plain.name.as_str(), &plain.kpi), ("calls", &None));
    let said = kpi.kpi.as_ref().expect("a KPI");
    assert_eq!((said.numerator.as_str(), said.denominator.as_str()), ("calls", "dials"));
    assert_eq!(said.unit, "parts per million");
    let defaults: Vec<_> = kpi.params.iter().map(|it| (&*it.name, it.default.as_deref())).collect();
    assert_eq!(defaults, [("from", Some("")), ("until", None)]);
}

#[test]
fn mistakes_name_the_file() {
    let check = |list: &[(&str, &str)], expected: &str| {
        assert_eq!(files(list).expect_err("wrong"), expected);
    };
    check(
        &[("kpi/kpi_calls.sql", &KPI.replace("-- unit: parts per million\n", ""))],
        "read kpi/kpi_calls.sql, line 1: key \"unit\" is missing",
    );
    check(
        &[("kpi/calls.sql", KPI)],
        "read kpi/calls.sql, line 1: name \"kpi_calls\" is not the file's",
    );
    check(
        &[("kpi_calls.sql", KPI), ("kpi/kpi_calls.sql", KPI)],
        "read kpi_calls.sql, line 3: key \"numerator\" is unknown; known: name, description, question, params, example; line 4: key \"denominator\" is unknown; line 5: key \"exclusions\" is unknown; line 6: key \"unit\" is unknown; line 7: key \"source\" is unknown",
    );
    let plain = PLAIN.replace("calls", "kpi_calls");
    check(
        &[("kpi/kpi_calls.sql", KPI), ("kpi_calls.sql", &plain)],
        "read kpi_calls.sql, line 1: another file has the name \"kpi_calls\" too; choose one of its own",
    );
}

#[test]
fn a_span_has_moments_at_its_edges() {
    let found = files(&[("kpi/kpi_calls.sql", KPI)]).expect("reads");
    let kpi = found.first().expect("a KPI");
    let bind = |until: &str| kpi.bind(&[("until".to_owned(), until.to_owned())]);
    for right in ["", "2026-11-21", "2026-11-21T09:00:00Z", "2026-11-21T09:00:00.250+08:00"] {
        assert!(bind(right).is_ok(), "{right}");
    }
    for wrong in ["yesterday", "2026-11-31", "21.11.2026", "09:00"] {
        let error = bind(wrong).expect_err(wrong).to_string();
        let expected = "run saved question kpi_calls: parameter until is no moment; such as 2026-11-21 or 2026-11-21T09:00:00Z";
        assert_eq!(error, expected);
    }
}
