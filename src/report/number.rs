//! Numbers as people read them.

use serde_json::Value;

/// A share: `12.3 %`; a dash where there is no whole.
pub(super) fn percent(ppm: &Value) -> String {
    ppm.as_i64().map_or_else(
        || "–".to_owned(),
        |ppm| {
            let tenths = (ppm + 500).div_euclid(1_000);
            format!("{}.{} %", tenths / 10, tenths % 10)
        },
    )
}

/// A count with narrow gaps: `12 345`; a dash where there is none.
pub(super) fn count(value: &Value) -> String {
    value.as_i64().map_or_else(|| "–".to_owned(), grouped)
}

pub(super) fn grouped(count: i64) -> String {
    let digits = count.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    if count < 0 { format!("−{text}") } else { text }
}

/// A span: `640 ms`, `24.0 s`, `3 min 05 s`, `2 h 07 min`; a dash where there is none.
pub(super) fn span(ms: &Value) -> String {
    let Some(ms) = ms.as_i64() else { return "–".to_owned() };
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {:02} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// A relative change: `+12.3 %`.
pub(super) fn signed_percent(ppm: i64) -> String {
    format!("{} %", points(ppm))
}

/// A difference of shares in hundredths of the whole, without its unit: `−1.2`.
pub(super) fn points(ppm: i64) -> String {
    let tenths = tenths(ppm);
    let sign = match tenths {
        ..0 => "−",
        0 => "±",
        1.. => "+",
    };
    let size = tenths.unsigned_abs();
    format!("{sign}{}.{}", size / 10, size % 10)
}

/// Tenths of a hundredth, rounded.
pub(super) const fn tenths(ppm: i64) -> i64 {
    let size = ppm.saturating_abs().saturating_add(500) / 1_000;
    if ppm < 0 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(percent(&json!(123_456)), "12.3 %");
        assert_eq!(percent(&json!(1_000_000)), "100.0 %");
        assert_eq!(percent(&Value::Null), "–");
        assert_eq!(count(&json!(1_234_567)), "1\u{202f}234\u{202f}567");
        assert_eq!(grouped(-12), "−12");
        assert_eq!(signed_percent(-123_456), "−12.3 %");
        assert_eq!((points(12_000), points(0)), ("+1.2".to_owned(), "±0.0".to_owned()));
        assert_eq!((points(-499), points(-500)), ("±0.0".to_owned(), "−0.1".to_owned()));
        assert_eq!(span(&json!(640)), "640 ms");
        assert_eq!(span(&json!(24_050)), "24.0 s");
        assert_eq!(span(&json!(185_000)), "3 min 05 s");
        assert_eq!(span(&json!(7_620_000)), "2 h 07 min");
    }
}
