use datafusion::assert_batches_eq;

use crate::projection::sql::session;

async fn ask(question: &str) -> Result<Vec<datafusion::arrow::record_batch::RecordBatch>, String> {
    let context = session(Vec::new()).expect("a session");
    let frame = context.sql(question).await.map_err(|error| error.to_string())?;
    frame.collect().await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn sketches_are_made_merged_and_read() {
    let rows = ask("with by_hour as (
             select value % 10 as hour, hll_sketch(value % 500) as callers,
                 quantile_sketch(value) as waits
             from generate_series(1, 10000) group by value % 10
         )
         select distinct_of(hll_merge(callers)) between 485 and 515 as callers,
             quantile_of(quantile_merge(waits), 0.5) between 4950 and 5050 as half,
             quantile_of(quantile_merge(waits), 0.99) between 9890 and 9910 as most
         from by_hour")
    .await
    .expect("rows");
    assert_batches_eq!(
        [
            "+---------+------+------+",
            "| callers | half | most |",
            "+---------+------+------+",
            "| true    | true | true |",
            "+---------+------+------+",
        ],
        &rows
    );
}

#[tokio::test]
async fn the_order_of_rows_and_their_parts_leave_no_trace() {
    let rows = ask("with made as (
             select hll_sketch(value) as forwards, quantile_sketch(value % 977) as waits
             from generate_series(1, 50000)
         ), other as (
             select hll_sketch(value) as forwards, quantile_sketch(value % 977) as waits
             from (select value from generate_series(1, 50000) order by value % 7, value desc)
         )
         select made.forwards = other.forwards as same, made.waits = other.waits as alike
         from made cross join other")
    .await
    .expect("rows");
    assert_batches_eq!(
        [
            "+------+-------+",
            "| same | alike |",
            "+------+-------+",
            "| true | true  |",
            "+------+-------+"
        ],
        &rows
    );
}

#[tokio::test]
async fn texts_count_and_nothing_is_nothing() {
    let rows = ask("select distinct_of(hll_sketch(word)) as words,
             distinct_of(hll_sketch(word) filter (where false)) as none,
             quantile_of(quantile_sketch(length(word)) filter (where false), 0.5) as no_length
         from (values ('a'), ('b'), ('a'), (null)) as list (word)")
    .await
    .expect("rows");
    assert_batches_eq!(
        [
            "+-------+------+-----------+",
            "| words | none | no_length |",
            "+-------+------+-----------+",
            "| 2     | 0    |           |",
            "+-------+------+-----------+",
        ],
        &rows
    );
}

#[tokio::test]
async fn mistakes_are_named() {
    let wrong = [
        ("select quantile_sketch(1.5)", "whole number"),
        ("select hll_merge('text')", "what hll_sketch or hll_merge made"),
        ("select distinct_of(arrow_cast('text', 'Binary'))", "read a sketch"),
        ("select quantile_of(quantile_sketch(1), 2.0)", "a share from 0 to 1"),
    ];
    for (question, wanted) in wrong {
        let error = ask(question).await.expect_err(question);
        assert!(error.contains(wanted), "{question}: {error}");
    }
}
