use super::*;

#[test]
fn a_folder_without_the_voice_names_the_script_that_fetches_it() {
    let folder = tempfile::tempdir().unwrap();
    let kokoro = Kokoro::new(folder.path());
    assert!(!kokoro.is_installed());
    let error =
        kokoro.synthesise(&PromptRequest::new(Language::En, "", "Hello.")).unwrap_err().to_string();
    assert!(error.contains("is not installed: tools/speech/fetch.sh "), "{error}");
}

#[test]
fn a_voice_of_another_language_is_not_taken() {
    let cases = [
        ("am_michael", Language::En, "am_michael"),
        ("bf_emma", Language::En, "bf_emma"),
        ("zf_xiaoyi", Language::En, "af_heart"),
        ("am_michael", Language::Zh, "zf_xiaoxiao"),
        ("zm_yunxi", Language::Zh, "zm_yunxi"),
        ("en", Language::En, "af_heart"),
        ("", Language::Zh, "zf_xiaoxiao"),
        ("../af_x", Language::En, "af_heart"),
    ];
    for (wanted, language, spoken) in cases {
        assert_eq!(voice_name(wanted, language), spoken, "{wanted} {language}");
    }
}

#[test]
fn long_texts_are_cut_at_sentences_and_lose_nothing() {
    let sentence = "wˌʌn tˈu θɹˈi, fˈɔɹ fˈIv. ";
    let text = sentence.repeat(30);
    let pieces = chunks(&text);
    assert!(pieces.len() > 1);
    assert!(pieces.iter().all(|piece| piece.chars().count() <= CHUNK && piece.ends_with('.')));
    assert_eq!(pieces.join(" "), text.trim());
    // Nothing to cut at.
    let letters = "a".repeat(CHUNK * 2 + 1);
    assert_eq!(chunks(&letters).concat(), letters);
    assert_eq!(chunks("  "), Vec::<&str>::new());
}

#[test]
fn english_clauses_keep_their_marks_and_numbers_their_points() {
    let clauses = english::clauses("Hello, it costs 3.5 percent. Yes? 10:30");
    let wanted = [
        ("Hello", Some(',')),
        ("it costs 3.5 percent", Some('.')),
        ("Yes", Some('?')),
        ("10:30", None),
    ];
    assert_eq!(clauses, wanted);
}

#[test]
fn espeak_sounds_become_the_models() {
    let cases = [
        ("həlˈo^ʊ", "həlˈO"),
        ("spˈiːkɪŋ", "spˈikɪŋ"),
        ("bˈɛɾɚ", "bˈɛTəɹ"),
        ("lˈɪɾə^l", "lˈɪTᵊl"),
        ("bˈʌʔn\u{329}", "bˈʌtn"),
        ("t^ʃˈe^ɪnd^ʒ", "ʧˈAnʤ"),
        ("nˈɜːs", "nˈɜɹs"),
        ("a^ɪ hæv a^ɪdˈiəz", "ˌI hæv Idˈiəz"),
    ];
    for (ipa, wanted) in cases {
        assert_eq!(english::to_model(ipa), wanted, "{ipa}");
    }
}

#[test]
fn broken_files_are_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path();
    assert!(!Kokoro::new(files).is_installed());
    for name in FILES {
        std::fs::write(files.join(name), "").unwrap();
    }
    assert!(Kokoro::new(files).is_installed());
    // Files that are no model are a failure, not a panic and not a silent fallback.
    let error = Kokoro::new(files).synthesise(&PromptRequest::new(Language::En, "", "Hello."));
    assert!(matches!(error, Err(SynthesisError::Failed { .. })));
}
