//! Mandarin text to the phonemes that Kokoro was trained on.
//!
//! Characters become words, words become syllables in pinyin, syllables become sounds with the
//! tone as an arrow behind the vowel. Tone changes between syllables are left to the model, as in
//! its training. Numbers are read out; Latin letters go to the English half.
//!
//! Source: the readings and the alphabet follow `misaki` 0.9 (Apache-2.0), version 1.0 of its
//! Mandarin front end.

mod number;
mod syllable;

use jieba_rs::Jieba;
use pinyin::ToPinyin as _;

use crate::speech::SynthesisError;

/// Words whose characters are read otherwise than alone.
const READINGS: &[(&str, &[&str])] = &[
    ("银行", &["yin2", "hang2"]),
    ("行业", &["hang2", "ye4"]),
    ("同行", &["tong2", "hang2"]),
    ("央行", &["yang1", "hang2"]),
    ("长期", &["chang2", "qi1"]),
    ("时长", &["shi2", "chang2"]),
    ("多长", &["duo1", "chang2"]),
    ("还款", &["huan2", "kuan3"]),
    ("还清", &["huan2", "qing1"]),
    ("偿还", &["chang2", "huan2"]),
    ("归还", &["gui1", "huan2"]),
    ("得到", &["de2", "dao4"]),
    ("获得", &["huo4", "de2"]),
    ("取得", &["qu3", "de2"]),
    ("值得", &["zhi2", "de2"]),
    ("目的", &["mu4", "di4"]),
    ("的确", &["di2", "que4"]),
    ("了解", &["liao3", "jie3"]),
    ("为了", &["wei4", "le5"]),
    ("因为", &["yin1", "wei4"]),
    ("为什么", &["wei4", "shen2", "me5"]),
    ("什么", &["shen2", "me5"]),
    ("怎么", &["zen3", "me5"]),
    ("怎么样", &["zen3", "me5", "yang4"]),
    ("那么", &["na4", "me5"]),
    ("这么", &["zhe4", "me5"]),
    ("先生", &["xian1", "sheng5"]),
    ("朋友", &["peng2", "you5"]),
    ("我们", &["wo3", "men5"]),
    ("你们", &["ni3", "men5"]),
    ("他们", &["ta1", "men5"]),
    ("咱们", &["zan2", "men5"]),
    ("调整", &["tiao2", "zheng3"]),
    ("重新", &["chong2", "xin1"]),
    ("重复", &["chong2", "fu4"]),
    ("数字", &["shu4", "zi4"]),
    ("分钟", &["fen1", "zhong1"]),
    ("便宜", &["pian2", "yi5"]),
    ("方便", &["fang1", "bian4"]),
    ("觉得", &["jue2", "de5"]),
    ("差不多", &["cha4", "bu4", "duo1"]),
    ("好处", &["hao3", "chu4"]),
    ("倾向", &["qing1", "xiang4"]),
    ("会计", &["kuai4", "ji4"]),
    ("转接", &["zhuan3", "jie1"]),
    ("转人工", &["zhuan3", "ren2", "gong1"]),
    ("看看", &["kan4", "kan5"]),
    ("兴趣", &["xing4", "qu4"]),
    ("高兴", &["gao1", "xing4"]),
    ("意思", &["yi4", "si5"]),
    ("明白", &["ming2", "bai5"]),
    ("知道", &["zhi1", "dao5"]),
    ("时候", &["shi2", "hou5"]),
    ("麻烦", &["ma2", "fan5"]),
    ("早上", &["zao3", "shang5"]),
    ("晚上", &["wan3", "shang5"]),
];

/// Characters on their own whose first reading in the table of readings is not the usual one.
const ALONE: &[(char, &str)] = &[
    ('的', "de5"),
    ('了', "le5"),
    ('着', "zhe5"),
    ('得', "de5"),
    ('地', "di4"),
    ('还', "hai2"),
    ('吗', "ma5"),
    ('吧', "ba5"),
    ('呢', "ne5"),
    ('啊', "a5"),
    ('哦', "o4"),
    ('喂', "wei2"),
    ('嗯', "en5"),
    ('谁', "shei2"),
    ('长', "chang2"),
    ('行', "xing2"),
    ('都', "dou1"),
    ('和', "he2"),
    ('没', "mei2"),
    ('要', "yao4"),
    ('么', "me5"),
    ('们', "men5"),
    ('哪', "na3"),
    ('给', "gei3"),
    ('为', "wei4"),
    ('只', "zhi3"),
    ('可', "ke3"),
];

/// Reads Mandarin; holds the dictionary of words.
pub(super) struct Reader {
    words: Jieba,
}

impl Reader {
    /// Opens the dictionary, which takes a noticeable part of a second.
    pub(super) fn new() -> Self {
        let mut words = Jieba::new();
        for (word, _) in READINGS {
            words.add_word(word, None, None);
        }
        Self { words }
    }

    /// The phonemes of a text, with its punctuation.
    ///
    /// # Errors
    /// When `english` fails.
    pub(super) fn phonemes(
        &self,
        text: &str,
        english: &mut dyn FnMut(&str) -> Result<String, SynthesisError>,
    ) -> Result<String, SynthesisError> {
        let text = number::read_out(text);
        let mut result = String::new();
        for token in self.words.cut(&text, true) {
            let word = token.word;
            if word.chars().all(is_han) {
                push_word(&mut result, &sounds(word));
            } else if word.chars().any(|letter| letter.is_ascii_alphabetic()) {
                push_word(&mut result, &english(word)?);
            } else if let Some(mark) = word.chars().find_map(mark) {
                result.truncate(result.trim_end().len());
                result.push(mark);
                result.push(' ');
            }
        }
        Ok(result.trim().to_owned())
    }
}

fn push_word(result: &mut String, sounds: &str) {
    if !result.is_empty() && !result.ends_with(' ') {
        result.push(' ');
    }
    result.push_str(sounds);
}

fn is_han(character: char) -> bool {
    matches!(character, '\u{4e00}'..='\u{9fff}')
}

/// The model's mark for a Chinese or Latin one.
fn mark(character: char) -> Option<char> {
    Some(match character {
        '，' | '、' | ',' => ',',
        '。' | '．' | '.' => '.',
        '！' | '!' => '!',
        '？' | '?' => '?',
        '：' | ':' => ':',
        '；' | ';' => ';',
        '—' => '—',
        '…' => '…',
        _ => return None,
    })
}

/// The sounds of one word.
fn sounds(word: &str) -> String {
    let readings = readings(word);
    let next = readings.iter().skip(1).map(Some).chain([None]);
    let changed = readings.iter().zip(next).map(|(&reading, next)| match next {
        // 不 rises before a falling syllable: the one change that the readings have to carry.
        Some(next) if reading == "bu4" && next.ends_with('4') => "bu2",
        _ => reading,
    });
    changed.filter_map(syllable::sounds).collect()
}

/// The readings of its characters. Names and compounds hold known words: 王先生 has 先生.
fn readings(word: &str) -> Vec<&'static str> {
    let mut result = Vec::new();
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let known = READINGS.iter().filter(|(known, _)| rest.starts_with(known));
        let length = match known.max_by_key(|(known, _)| known.len()) {
            Some((known, syllables)) => {
                result.extend_from_slice(syllables);
                known.len()
            }
            None => {
                result.extend(reading(first));
                first.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    result
}

fn reading(character: char) -> Option<&'static str> {
    let alone = ALONE.iter().find(|(known, _)| *known == character).map(|(_, reading)| *reading);
    alone.or_else(|| Some(character.to_pinyin()?.with_tone_num_end()))
}

#[cfg(test)]
mod tests;
