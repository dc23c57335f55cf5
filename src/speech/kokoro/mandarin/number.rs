//! Numbers in Mandarin text, read out in characters.

/// The digits.
const DIGITS: [char; 10] = ['零', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
/// From this many digits on it is a telephone or account number, read digit by digit.
const SPELLED: usize = 9;

/// The text with its numbers written in characters: `3.5%` becomes 百分之三点五.
pub(super) fn read_out(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut result = String::with_capacity(text.len());
    let mut rest = characters.as_slice();
    while let Some((first, after)) = rest.split_first() {
        if !first.is_ascii_digit() {
            result.push(*first);
            rest = after;
            continue;
        }
        let (whole, after) = take_digits(rest);
        let mut number = whole_number(&whole);
        rest = after;
        if let ['.', next, ..] = rest
            && next.is_ascii_digit()
        {
            let (part, after) = take_digits(rest.get(1..).unwrap_or_default());
            number.push('点');
            number.extend(part.iter().map(|&digit| character(digit)));
            rest = after;
        }
        if let ['%' | '％', after @ ..] = rest {
            result.push_str("百分之");
            rest = after;
        }
        result.push_str(&number);
    }
    result
}

/// Digits at the start, without the commas between thousands.
fn take_digits(text: &[char]) -> (Vec<u8>, &[char]) {
    let mut digits = Vec::new();
    let mut rest = text;
    loop {
        match rest {
            [',', a, b, c, ..]
                if !digits.is_empty() && [a, b, c].iter().all(|digit| digit.is_ascii_digit()) =>
            {
                rest = rest.get(1..).unwrap_or_default();
            }
            [digit, after @ ..] => match digit.to_digit(10).and_then(|digit| digit.try_into().ok())
            {
                Some(digit) => {
                    digits.push(digit);
                    rest = after;
                }
                None => return (digits, rest),
            },
            [] => return (digits, rest),
        }
    }
}

fn character(digit: u8) -> char {
    DIGITS.get(usize::from(digit)).copied().unwrap_or('零')
}

fn whole_number(digits: &[u8]) -> String {
    let spelled = digits.len() >= SPELLED || (digits.len() > 1 && digits.first() == Some(&0));
    if spelled {
        return digits.iter().map(|&digit| character(digit)).collect();
    }
    if digits.iter().all(|&digit| digit == 0) {
        return "零".to_owned();
    }
    let (high, low) = digits.split_at(digits.len().saturating_sub(4));
    let mut result = String::new();
    if high.iter().any(|&digit| digit != 0) {
        result.push_str(&below_ten_thousand(high, false));
        result.push('万');
    }
    if low.iter().any(|&digit| digit != 0) {
        result.push_str(&below_ten_thousand(low, !result.is_empty()));
    }
    match result.strip_prefix("一十") {
        Some(rest) => format!("十{rest}"),
        None => result,
    }
}

/// Up to four digits; `follows` says that something larger was read before.
fn below_ten_thousand(digits: &[u8], follows: bool) -> String {
    let mut result = String::new();
    let mut gap = false;
    for (place, &digit) in digits.iter().enumerate() {
        if digit == 0 {
            gap = true;
            continue;
        }
        if gap && (follows || !result.is_empty()) {
            result.push('零');
        }
        gap = false;
        result.push(character(digit));
        match digits.len() - place {
            4 => result.push('千'),
            3 => result.push('百'),
            2 => result.push('十'),
            _ => {}
        }
    }
    result
}
