use super::*;

#[test]
fn syllables_are_spelled_out() {
    let cases = [
        ("ma1", "ma→"),
        ("hao3", "xau↓"),
        ("zhong1", "ꭧʊ→ŋ"),
        ("shi4", "ʂɨ↘"),
        ("si1", "sɨ→"),
        ("yuan2", "ɥɛ↗n"),
        ("yue4", "ɥe↘"),
        ("xu1", "ɕy→"),
        ("quan2", "ʨʰɥɛ↗n"),
        ("lü4", "ly↘"),
        ("you3", "jou↓"),
        ("yi1", "i→"),
        ("ying2", "i↗ŋ"),
        ("yong4", "jʊ↘ŋ"),
        ("wo3", "wo↓"),
        ("wu3", "u↓"),
        ("wei4", "wei↘"),
        ("wen4", "wə↘n"),
        ("er4", "ɚ↘"),
        ("de5", "tɤ"),
        ("an1", "a→n"),
        ("dui4", "twei↘"),
        ("liu2", "ljou↗"),
        ("bo1", "pwo→"),
        ("o4", "ɔ↘"),
    ];
    for (syllable, wanted) in cases {
        assert_eq!(syllable::sounds(syllable).as_deref(), Some(wanted), "{syllable}");
    }
    assert_eq!(syllable::sounds("qqq1"), None);
    assert_eq!(syllable::sounds(""), None);
}

#[test]
fn every_common_character_has_sounds() {
    let unread: Vec<char> = ('\u{4e00}'..='\u{9fa5}')
        .filter(|&character| reading(character).is_some_and(|one| syllable::sounds(one).is_none()))
        .collect();
    // A few dialect interjections are spelled m, n, ng and ê.
    assert!(unread.len() < 20, "{unread:?}");
}

#[test]
fn numbers_are_read_out() {
    let cases = [
        ("0", "零"),
        ("12", "十二"),
        ("20", "二十"),
        ("105", "一百零五"),
        ("1010", "一千零一十"),
        ("10005", "一万零五"),
        ("150000", "十五万"),
        ("1,200,300", "一百二十万零三百"),
        ("3.5%", "百分之三点五"),
        ("按1，或者2", "按一，或者二"),
        ("12025550101", "一二零二五五五零一零一"),
        ("007", "零零七"),
        ("没有", "没有"),
    ];
    for (text, wanted) in cases {
        assert_eq!(number::read_out(text), wanted, "{text}");
    }
}

#[test]
fn sentences_become_words_with_marks() {
    let reader = Reader::new();
    let mut english = |text: &str| Ok(text.to_lowercase());
    let mut phonemes = |text| reader.phonemes(text, &mut english).unwrap();
    assert_eq!(phonemes("您好，请问是王先生吗？"), "ni↗nxau↓, ʨʰi↓ŋwə↘n ʂɨ↘ wa↗ŋɕjɛ→nʂəŋ ma?");
    // The same character, read by its word.
    assert_eq!(phonemes("还款"), "xwa↗nkʰwa↓n");
    assert_eq!(phonemes("还有"), "xai↗jou↓");
    assert_eq!(phonemes("不会"), "pu↗xwei↘");
    assert_eq!(phonemes("用APP。"), "jʊ↘ŋ app.");
    assert_eq!(phonemes("好。。"), "xau↓..");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn numbers_never_panic_and_leave_no_digits(text in ".{0,40}") {
        proptest::prop_assert!(!number::read_out(&text).contains(|c: char| c.is_ascii_digit()));
    }
}
