use super::command::{Command, Setting, Shape};
use super::complete::Words;
use super::show::{expanded, time};
use super::statement::split;
use crate::query::Answer;

#[test]
fn statements_end_where_a_semicolon_is_one() {
    let check = |text: &str, whole: &[&str], rest: &str| {
        let found = split(text);
        assert_eq!(
            (found.whole, found.rest.trim()),
            (whole.iter().map(|it| (*it).to_owned()).collect(), rest),
            "{text}"
        );
    };
    check("", &[], "");
    check("select 1;", &["select 1"], "");
    check("select 1; select\n2;\n", &["select 1", "select\n2"], "");
    check("select ';' ; select \";\"", &["select ';'"], "select \";\"");
    check("select 'it''s;';", &["select 'it''s;'"], "");
    check("select 1 -- not; here\n;", &["select 1 -- not; here"], "");
    check("/* a; /* b; */ c; */ select 1;", &["/* a; /* b; */ c; */ select 1"], "");
    check("; ;; -- nothing\n", &[], "");
    check("-- nothing", &[], "");
    check("select 'open;", &[], "select 'open;");
    check("/* open;", &[], "/* open;");
    check("select 5 - 3 / 2 * 1;", &["select 5 - 3 / 2 * 1"], "");
}

#[test]
fn commands_are_understood_or_refused() {
    let check =
        |line: &str, wanted: Command| assert_eq!(Command::parse(line), Ok(wanted), "{line}");
    check("\\q", Command::Quit);
    check("\\? ", Command::Help);
    check("\\d", Command::List { is_views: false });
    check("\\dv;", Command::List { is_views: true });
    check("\\d attempts;", Command::Describe("attempts".to_owned()));
    check("\\as_of", Command::AsOf(None));
    check("\\as_of '2026-11-21T09:30:00Z'", Command::AsOf(Some("2026-11-21T09:30:00Z".to_owned())));
    check("\\timing", Command::Timing(None));
    check("\\x off", Command::Expanded(Some(false)));
    check("\\format csv", Command::Format(Some(Shape::Csv)));
    let refused = |line: &str, part: &str| {
        let problem = Command::parse(line).expect_err(line);
        assert!(problem.contains(part), "{problem}");
    };
    refused("\\nonsense", "\\?");
    refused("\\timing perhaps", "on or off");
    refused("\\format xml", "table, csv or json");
}

#[test]
fn settings_are_told_from_questions() {
    let set = |name: &str, value: &str| {
        Some(Setting::Set { name: name.to_owned(), value: value.to_owned() })
    };
    let check =
        |text: &str, wanted: Option<Setting>| assert_eq!(Setting::parse(text), wanted, "{text}");
    check("set as_of = '1200'", set("as_of", "1200"));
    check("SET as_of TO head", set("as_of", "head"));
    check("set statement_timeout=5s", set("statement_timeout", "5s"));
    check("reset as_of", set("as_of", "head"));
    check("show as_of", Some(Setting::Show("as_of".to_owned())));
    check("show columns from leads", None);
    check("select 1", None);
    check("set", None);
}

#[test]
fn values_stand_below_each_other() {
    let answer = Answer {
        columns: vec!["n".to_owned(), "name".to_owned()],
        rows: vec![vec![7.into(), "seven".into()]],
    };
    assert_eq!(expanded(&answer), "-[ 1 ]-\nn    | 7\nname | seven\n(1 row)\n");
    assert_eq!(time(12_034), "Time: 12.034 ms");
}

#[test]
fn what_can_stand_there_is_offered() {
    let words = Words::default();
    let check = |line: &str, wanted: (usize, &[&str])| {
        let (start, found) = words.at(line, line.len());
        assert_eq!(
            (start, found.iter().map(String::as_str).collect::<Vec<_>>()),
            (wanted.0, wanted.1.to_vec()),
            "{line}"
        );
    };
    check("sel", (0, &["select"]));
    check("SEL", (0, &["SELECT"]));
    check("select 1 lim", (9, &["limit"]));
    check("\\ti", (0, &["\\timing"]));
    check("\\format c", (8, &["csv"]));
    check("select * from sel", (14, &[]));
}
