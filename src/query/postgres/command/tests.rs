use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::*;

fn of(sql: &str) -> Result<Command, Fault> {
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
    command(statements.remove(0))
}

fn set(name: &str, value: &str) -> Command {
    Command::Set { name: name.to_owned(), value: value.to_owned(), is_local: false }
}

#[test]
fn what_clients_say_around_their_questions_is_known() {
    for (sql, expected) in [
        ("SET extra_float_digits = 3", set("extra_float_digits", "3")),
        ("SET as_of = '1200'", set("as_of", "1200")),
        ("SET as_of TO head", set("as_of", "head")),
        ("SET search_path TO public, funnel", set("search_path", "public, funnel")),
        ("SET TIME ZONE 'UTC'", set("TimeZone", "UTC")),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", Command::Accepted("SET")),
        ("SET statement_timeout TO DEFAULT", Command::Reset(Some("statement_timeout".into()))),
        ("RESET ALL", Command::Reset(None)),
        ("SHOW TRANSACTION ISOLATION LEVEL", Command::Show("transaction_isolation".into())),
        ("SHOW standard_conforming_strings", Command::Show("standard_conforming_strings".into())),
        ("SHOW ALL", Command::ShowAll),
        ("BEGIN READ ONLY", Command::Begin),
        ("START TRANSACTION", Command::Begin),
        ("COMMIT", Command::Commit),
        ("ROLLBACK", Command::Rollback),
        ("ROLLBACK TO SAVEPOINT a", Command::RollbackTo),
        ("DISCARD ALL", Command::DiscardAll),
        ("DEALLOCATE ALL", Command::Deallocate(None)),
        ("DEALLOCATE \"s1\"", Command::Deallocate(Some("s1".into()))),
    ] {
        assert_eq!(of(sql).expect(sql), expected, "{sql}");
    }
    assert!(matches!(of("select 1"), Ok(Command::Question(_))));
    assert!(matches!(of("explain select 1"), Ok(Command::Question(_))));
}

#[test]
fn what_would_change_something_is_refused() {
    for sql in [
        "delete from attempts",
        "insert into attempts values (1)",
        "update attempts set talk_ms = 0",
        "create table t (a int)",
        "drop table attempts",
        "truncate attempts",
        "grant select on attempts to ann",
        "vacuum",
    ] {
        assert_eq!(of(sql).expect_err(sql).code, "25006", "{sql}");
    }
    for sql in ["copy attempts to stdout", "listen a", "declare c cursor for select 1"] {
        assert_eq!(of(sql).expect_err(sql).code, "0A000", "{sql}");
    }
}
