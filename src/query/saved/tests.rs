use super::*;

fn files(files: &[(&str, &str)]) -> Result<Vec<SavedQuery>, String> {
    let texts: Vec<(String, String)> =
        files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
    by_name(&texts).map_err(|error| error.to_string())
}

const PLAIN: &str = "-- name: calls
-- question: Calls.
-- grain: one row per campaign_id
-- key: campaign_id
-- inputs: attempts
-- params: from =
-- columns: campaign_id text | calls int64
-- tests: unique(campaign_id)
-- example: ledgerline query calls
select campaign_id, count(*) as calls
from attempts
where $from = '' or started_at >= cast(nullif($from, '') as timestamptz)
group by campaign_id";
const KPI: &str = "-- name: kpi_calls
-- question: Calls.
-- numerator: calls
-- denominator: dials
-- exclusions: none
-- unit: parts per million
-- source: practice
-- grain: one row
-- key: none
-- inputs: attempts
-- params: from =, until
-- columns: calls int64
-- tests: expr(calls >= 0)
-- example: ledgerline query kpi_calls
select count(*) as calls
from attempts
where $from = $until";

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
        "read kpi_calls.sql, line 3: key \"numerator\" is unknown; known: name, question, grain, key, inputs, params, columns, tests, example; line 4: key \"denominator\" is unknown; line 5: key \"exclusions\" is unknown; line 6: key \"unit\" is unknown; line 7: key \"source\" is unknown",
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

#[test]
fn every_saved_question_is_what_its_head_says() {
    let (questions, wrong) = check_queries();
    let wrong: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(questions > 45, "{questions}");
}

#[test]
fn a_question_that_is_not_what_its_head_says_is_told_with_file_and_line() {
    let check = |from: &str, to: &str, expected: &str| {
        let texts = [("calls.sql".to_owned(), PLAIN.replace(from, to))];
        let found = check::check(&texts);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, [format!("read queries/calls.sql, {expected}")]);
    };
    check(
        "columns: campaign_id text | calls int64",
        "columns: campaign_id text |\n--   dials int64",
        "line 8: column \"dials\" is not in the query; it has campaign_id, calls",
    );
    check(
        "calls int64",
        "calls text",
        "line 7: column \"calls\" is declared text, but the query gives int64",
    );
    check(
        "inputs: attempts",
        "inputs: legs",
        "line 5: `inputs` names legs, which the query does not read; line 5: the query reads attempts, which `inputs` does not name",
    );
    check(
        "params: from =",
        "params: day =",
        "line 6: `params` names day, which the query does not take; line 6: the query takes $from, which `params` does not name",
    );
    check("key: campaign_id", "key: call_id", "line 4: key \"call_id\" is not one of the columns");
    let lacking = PLAIN.replace("-- grain: one row per campaign_id\n", "");
    assert_eq!(
        files(&[("calls.sql", &lacking)]).expect_err("wrong"),
        "read calls.sql, line 1: key \"grain\" is missing"
    );
    let texts = [("calls.sql".to_owned(), PLAIN.replace("from attempts", "from atempts"))];
    let found = check::check(&texts);
    let mistakes = &found.first().expect("a mistake").mistakes;
    assert!(mistakes.iter().any(|it| it.line == 11 && it.problem.contains("atempts")), "{found:?}");
}
