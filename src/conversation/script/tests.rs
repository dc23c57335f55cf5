use super::*;

const EN: &str = include_str!("../../../scripts/business_loan_en.toml");
const ZH: &str = include_str!("../../../scripts/business_loan_zh.toml");

/// Replaces one line of the English script and returns what is then wrong with it.
fn problems(from: &str, to: &str) -> Vec<String> {
    assert!(EN.contains(from), "the script no longer has {from:?}");
    let text = EN.replacen(from, to, 1);
    let error = Script::parse("loan.toml", &text).expect_err("a mistake was made");
    error.problems.iter().map(ToString::to_string).collect()
}

fn check(from: &str, to: &str, wanted: &[&str]) {
    let found = problems(from, to);
    for part in wanted {
        assert!(found.iter().any(|it| it.contains(part)), "{part:?} is not in {found:#?}");
    }
}

/// Line of the English script that holds this text.
fn line(text: &str) -> usize {
    EN.lines().position(|line| line.contains(text)).expect("in the script") + 1
}

#[test]
fn both_shipped_scripts_hold_together() {
    for (text, language) in [(EN, Language::En), (ZH, Language::Zh)] {
        let script = Script::parse("shipped", text).expect("shipped scripts are right");
        assert_eq!(script.language(), language);
        let keys: Vec<char> = script.globals().keys.keys().copied().collect();
        assert_eq!(keys, ['*', '0', '2', '3', '4', '9']);
    }
    let nodes = |text| {
        let script = Script::parse("shipped", text).expect("right");
        script.nodes().map(|node| (node.id.clone(), node.stage, node.ends)).collect::<Vec<_>>()
    };
    assert_eq!(nodes(EN), nodes(ZH), "the two languages have drifted apart");
}

#[test]
fn texts_are_all_there_short_and_free_of_placeholders() {
    let script = Script::parse("shipped", EN).expect("right");
    let texts = script.texts();
    assert_eq!(texts.len(), script.nodes().count() + 2);
    for text in texts {
        assert!(text.split_whitespace().count() <= 25, "too long to say: {text}");
        assert!(!text.contains('{'), "{text}");
    }
    for text in Script::parse("shipped", ZH).expect("right").texts() {
        assert!(text.chars().count() <= 42, "too long to say: {text}");
    }
}

#[test]
fn texts_include_a_nodes_own_rules() {
    let own = "stage = \"close\"\non.silence = { wait_ms = 900, reprompts = [\"One.\", \"Two.\"], go = \"bye_silent\" }\non.unknown = { say = \"Three.\", limit = 2, go = \"bye_unclear\" }";
    let script = Script::parse("t", &EN.replacen("stage = \"close\"", own, 1)).expect("right");
    for text in ["One.", "Two.", "Three."] {
        assert!(script.texts().contains(text), "{text}");
    }
}

#[test]
fn mistakes_are_named_with_line_column_and_key() {
    let at = line("next = \"close\"");
    check(
        "next = \"close\"",
        "next = \"clsoe\"",
        &[&format!("{at}:8: nodes.pitch.next: no node \"clsoe\"; did you mean \"close\"?")],
    );
    let at = line("stage = \"pitch\"");
    check(
        "stage = \"pitch\"",
        "stage = \"pich\"",
        &[&format!("{at}:9: nodes.pitch.stage: \"pich\" is not known; did you mean \"pitch\"?")],
    );
    check("wait_ms = 4000", "wait_ms = 4", &["globals.silence.wait_ms: is 4; allowed: 500 to"]);
    check("max_turns = 30", "max_turn = 30", &["did you mean \"max_turns\"?", "is missing"]);
    check("an automated robot call", "{who}", &["{who} is not in [placeholders]"]);
    check("language = \"en\"", "language = en", &["6:12: string values must be quoted"]);
}

#[test]
fn a_script_must_disclose_the_robot_and_offer_the_opt_out() {
    check("discloses_robot = true", "", &["nodes.hook.discloses_robot: must be true"]);
    check("intent = \"opt_out\"", "intent = \"deny\"", &["has no opt-out"]);
    check("ends = \"opted_out\"", "ends = \"declined\"", &["nodes.bye_never.ends: must be"]);
    check(
        "on.key.1 = { intent = \"interested\", go = \"pitch\" }",
        "on.key.9 = { intent = \"interested\", go = \"pitch\" }",
        &["takes away the opt-out key"],
    );
}

#[test]
fn dead_ends_and_orphans_are_found() {
    check("ends = \"agreed\"", "", &["nodes.bye_agreed: leads to no end"]);
    check("go = \"bye_unclear\"", "go = \"bye_silent\"", &["nodes.bye_unclear: is never reached"]);
    check("transfer = true", "", &["nodes.handover.on.transfer_failed"]);
}

#[test]
fn placeholders_take_the_portraits_word_or_the_default() {
    let with = "[placeholders.trade]\ndefault = \"your firm\"\nvalues = { shop = \"your shop\" }\n\n[globals]";
    let script = Script::parse("t", &EN.replacen("[globals]", with, 1)).expect("right");
    let filled = |value: &str| {
        let portrait = BTreeMap::from([("trade".to_owned(), value.to_owned())]);
        script.fill("For {trade}.", &portrait)
    };
    assert_eq!(filled("shop"), "For your shop.");
    assert_eq!(filled("unknown"), "For your firm.");
    assert_eq!(filled("circus"), "For your firm.");
    assert_eq!(script.fill("For {trade}.", &BTreeMap::new()), "For your firm.");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,300}", at in 0usize..4_000, gone in 0usize..60) {
        drop(Script::parse("any", &text));
        // The shipped script with a hole in it comes nearer to the interesting places.
        let holed: String =
            EN.chars().enumerate().filter(|(i, _)| !(at..at + gone).contains(i)).map(|(_, c)| c).collect();
        drop(Script::parse("holed", &holed));
    }
}

#[test]
fn languages_go_by_their_codes() {
    for language in Language::ALL {
        assert_eq!(language.name().parse(), Ok(*language));
    }
    let error = "fr".parse::<Language>().expect_err("nobody speaks it");
    assert_eq!(error.to_string(), "language \"fr\" cannot be spoken; there are en and zh");
}
