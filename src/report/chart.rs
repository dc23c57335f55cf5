//! Charts as inline SVG: no script, no font, no image from elsewhere.
//!
//! In: numbers and words. Out: SVG that takes its colours from the page. Invariants: everything
//! that colour says is said by position, dashes or a number, too; numbers are whole.

use super::document::{Bar, Heat, Lines};
use super::html::escape;
use super::number::grouped;

/// Units of the drawing: its width, where bars begin, how long they may be, how high a row is.
const WIDTH: i64 = 900;
const BEGIN: i64 = 130;
const LENGTH: i64 = 540;
const ROW: i64 = 26;

/// The frame of courses: left edge, width, top, height.
const LEFT: i64 = 64;
const INNER: i64 = 820;
const TOP: i64 = 34;
const HEIGHT: i64 = 190;

/// Lengths with names.
pub(super) fn bars(page: &mut String, bars: &[Bar]) {
    let longest = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    let height = ROW * i64::try_from(bars.len()).unwrap_or(0);
    page.push_str(&format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n"));
    let mut top = 0;
    for bar in bars {
        let whole = bar.count.max(0) * LENGTH / longest;
        let part = bar.part.clamp(0, bar.count.max(0)) * LENGTH / longest;
        let (text, high) = (top + 17, ROW - 8);
        let (label, note) = (escape(&bar.label), escape(&bar.note));
        page.push_str(&format!(
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{label}</text>\
             <rect class=\"b\" x=\"{BEGIN}\" y=\"{}\" width=\"{whole}\" height=\"{high}\" rx=\"3\"/>\
             <rect class=\"p\" x=\"{BEGIN}\" y=\"{}\" width=\"{part}\" height=\"{high}\" rx=\"3\"/>\
             <text class=\"n\" x=\"{}\" y=\"{text}\">{note}</text>\n",
            BEGIN - 10,
            top + 4,
            top + 4,
            BEGIN + whole + 8,
        ));
        top += ROW;
    }
    page.push_str("</svg>\n");
}

/// Steps around a middle line; what is lost between two is a slope.
pub(super) fn funnel(page: &mut String, steps: &[Bar]) {
    const STEP: i64 = 44;
    const SLOPE: i64 = 14;
    const MIDDLE: i64 = BEGIN + LENGTH / 2;
    let widest = steps.iter().map(|step| step.count).max().unwrap_or(0).max(1);
    let half = |count: i64| (count.max(0) * LENGTH / widest / 2).max(1);
    let height = STEP * i64::try_from(steps.len()).unwrap_or(0);
    page.push_str(&format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n"));
    for (place, step) in steps.iter().enumerate() {
        let top = STEP * i64::try_from(place).unwrap_or(0);
        let (bottom, text) = (top + STEP - SLOPE, top + 20);
        let wide = half(step.count);
        let (left, right) = (MIDDLE - wide, MIDDLE + wide);
        if let Some(next) = steps.get(place + 1) {
            let next = half(next.count);
            page.push_str(&format!(
                "<path class=\"b\" d=\"M{left} {bottom}H{right}L{} {}H{}Z\"/>",
                MIDDLE + next,
                top + STEP,
                MIDDLE - next,
            ));
        }
        page.push_str(&format!(
            "<rect class=\"p\" x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" rx=\"2\"/>\
             <text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{}</text>\
             <text class=\"n\" x=\"{}\" y=\"{text}\">{}</text>\n",
            2 * wide,
            STEP - SLOPE,
            BEGIN - 10,
            escape(&step.label),
            BEGIN + LENGTH + 16,
            escape(&step.note),
        ));
    }
    page.push_str("</svg>\n");
}

/// A round number that is not below a value, and the step of a scale up to it.
fn scale(most: i64) -> (i64, i64) {
    let mut step = 1;
    loop {
        for factor in [1, 2, 5] {
            let step = step * factor;
            // Four or five lines are read at a glance.
            if step * 5 >= most {
                let lines = (most + step - 1) / step;
                return (lines.max(1) * step, step);
            }
        }
        step *= 10;
        if step > i64::MAX / 100 {
            return (i64::MAX / 10, i64::MAX / 50);
        }
    }
}

/// Courses over the same places, the first one drawn strongly and the others dashed.
pub(super) fn lines(page: &mut String, lines: &Lines) {
    let values = lines.courses.iter().flat_map(|course| &course.values);
    let most = values.flatten().copied().max().unwrap_or(0);
    // Shares are read in hundredths.
    let (top, step) = match lines.is_share {
        true => {
            let (top, step) = scale(most / 10_000 + i64::from(most % 10_000 > 0));
            (top.min(100) * 10_000, step * 10_000)
        }
        false => scale(most.max(1)),
    };
    let height = TOP + HEIGHT + 26;
    page.push_str(&format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n"));
    legend(page, lines);
    let y = |value: i64| TOP + HEIGHT - fraction(value, top, HEIGHT);
    let mut line = 0;
    while line <= top {
        let told = if lines.is_share { format!("{} %", line / 10_000) } else { grouped(line) };
        page.push_str(&format!(
            "<path class=\"g\" d=\"M{LEFT} {0}H{1}\"/><text class=\"n\" x=\"{2}\" y=\"{3}\" \
             text-anchor=\"end\">{told}</text>\n",
            y(line),
            LEFT + INNER,
            LEFT - 8,
            y(line) + 4,
        ));
        line = line.saturating_add(step);
    }
    let last = i64::try_from(lines.places.len()).unwrap_or(0).saturating_sub(1).max(1);
    let x = |place: usize| LEFT + 6 + i64::try_from(place).unwrap_or(0) * (INNER - 12) / last;
    for (place, label) in lines.places.iter().enumerate().step_by(2) {
        page.push_str(&format!(
            "<text class=\"n\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
            x(place),
            TOP + HEIGHT + 20,
            escape(label),
        ));
    }
    // The first course is drawn last, over the others.
    for (number, course) in lines.courses.iter().enumerate().rev() {
        let mut path = String::new();
        let mut dots = String::new();
        let mut before = false;
        for (place, value) in course.values.iter().enumerate() {
            let Some(value) = *value else {
                before = false;
                continue;
            };
            let (x, y) = (x(place), y(value));
            path.push_str(&format!("{}{x} {y}", if before { "L" } else { "M" }));
            let is_alone = !before && course.values.get(place + 1).is_none_or(Option::is_none);
            if number == 0 || is_alone {
                let radius = if number == 0 { 3 } else { 2 };
                let dot =
                    format!("<circle class=\"d{number}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>");
                dots.push_str(&dot);
            }
            before = true;
        }
        page.push_str(&format!("<path class=\"l l{number}\" d=\"{path}\"/>{dots}\n"));
    }
    page.push_str("</svg>\n");
}

fn legend(page: &mut String, lines: &Lines) {
    let mut x = LEFT;
    for (number, course) in lines.courses.iter().enumerate() {
        page.push_str(&format!(
            "<path class=\"l l{number}\" d=\"M{x} 12h28\"/><text x=\"{}\" y=\"16\">{}</text>\n",
            x + 34,
            escape(&course.label),
        ));
        x += 150;
    }
}

/// So much of a length.
fn fraction(value: i64, whole: i64, length: i64) -> i64 {
    let part = i128::from(value) * i128::from(length) / i128::from(whole.max(1));
    i64::try_from(part).unwrap_or(length).clamp(0, length)
}

/// The values between which nine of ten lie: an hour of one call must not fade all others.
fn spread(heat: &Heat) -> (i64, i64) {
    let values = heat.rows.iter().flat_map(|(_, values)| values).flatten().copied();
    let mut values: Vec<i64> = values.collect();
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    let at = |place: usize| values.get(place).copied().unwrap_or(0);
    (at(last / 20), at(last - last / 20))
}

/// Shares by row and column, darker for more, with the number in each.
pub(super) fn heat(page: &mut String, heat: &Heat) {
    const HEAD: i64 = 22;
    const HIGH: i64 = 26;
    let columns = i64::try_from(heat.columns.len()).unwrap_or(1).max(1);
    let wide = (WIDTH - BEGIN) / columns;
    let rows = i64::try_from(heat.rows.len()).unwrap_or(0);
    let height = HEAD + rows * HIGH;
    let (least, most) = spread(heat);
    page.push_str(&format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n"));
    for (place, label) in (0..).zip(&heat.columns) {
        page.push_str(&format!(
            "<text class=\"n s\" x=\"{}\" y=\"15\" text-anchor=\"middle\">{}</text>",
            BEGIN + place * wide + wide / 2,
            escape(label),
        ));
    }
    page.push('\n');
    for (row, (label, values)) in (0..).zip(&heat.rows) {
        let top = HEAD + row * HIGH;
        page.push_str(&format!(
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            BEGIN - 10,
            top + 17,
            escape(label),
        ));
        for (place, value) in (0..).zip(values) {
            let left = BEGIN + place * wide;
            let Some(value) = value else {
                page.push_str(&format!(
                    "<rect class=\"e\" x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\"/>",
                    wide - 2,
                    HIGH - 2,
                ));
                continue;
            };
            let shade = fraction(value - least, (most - least).max(1), 6);
            page.push_str(&format!(
                "<rect class=\"h{shade}\" x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\"/>\
                 <text class=\"s t{}\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                wide - 2,
                HIGH - 2,
                i32::from(shade > 3),
                left + wide / 2 - 1,
                top + 16,
                (value + 5_000) / 10_000,
            ));
        }
        page.push('\n');
    }
    page.push_str("</svg>\n");
    page.push_str(&format!("<p class=\"sub\">{}</p>\n", escape(&heat.legend)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round_and_reach_far_enough() {
        for (most, want) in [
            (1, (1, 1)),
            (5, (5, 1)),
            (7, (8, 2)),
            (23, (25, 5)),
            (100, (100, 20)),
            (101, (150, 50)),
            (987, (1_000, 200)),
        ] {
            assert_eq!(scale(most), want, "{most}");
        }
        let (top, step) = scale(i64::MAX);
        assert!(top > 0 && step > 0);
    }

    #[test]
    fn gaps_are_not_bridged() {
        let course = super::super::document::Course {
            label: "a".to_owned(),
            values: vec![Some(1), None, Some(2), Some(3)],
        };
        let mut page = String::new();
        let places = ["0", "1", "2", "3"].map(str::to_owned).to_vec();
        lines(&mut page, &Lines { places, courses: vec![course], is_share: false });
        let drawn = page.lines().find(|line| line.contains("l0") && line.contains("circle"));
        let drawn = drawn.expect("a course");
        assert_eq!(drawn.matches('M').count(), 2, "{drawn}");
        assert_eq!(drawn.matches('L').count(), 1, "{drawn}");
    }
}
