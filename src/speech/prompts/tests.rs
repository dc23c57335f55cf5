use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Says every text as so many samples as it has characters.
#[derive(Default)]
struct Counting {
    runs: AtomicUsize,
}

impl Synthesiser for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    fn synthesise(&self, request: &PromptRequest) -> Result<Clip, SynthesisError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        match request.text.as_str() {
            "fail" => Err(SynthesisError::Missing {
                what: "espeak-ng".to_owned(),
                remedy: "apt-get install espeak-ng".to_owned(),
            }),
            text => Ok(Clip::new(vec![8_000; text.chars().count() * 80])),
        }
    }
}

fn english(text: &str) -> PromptRequest {
    PromptRequest::new(Language::En, "af_heart", text)
}

#[test]
fn the_nearest_place_wins_and_an_engine_is_asked_once() {
    let (shipped, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = Arc::new(Counting::default());
    let request = english("Hello.");
    let open = || Prompts::new(shipped.path(), kept.path(), engine.clone());

    let prompts = open();
    assert!(prompts.ready(&request).is_none());
    let first = prompts.render(&request).unwrap();
    assert_eq!(first.source, PromptSource::Synthesised);
    let second = prompts.render(&request).unwrap();
    assert_eq!(second.source, PromptSource::Memory);
    assert!(std::ptr::eq(first.clip.samples(), second.clip.samples()));
    assert!(prompts.ready(&request).is_some());

    let third = open().render(&request).unwrap();
    assert_eq!(third.source, PromptSource::Kept);
    assert_eq!(third.clip, first.clip, "a later process plays the same");

    write_clip(shipped.path(), PromptKey::of(&request), &Clip::new([1; 5])).unwrap();
    let fourth = open().render(&request).unwrap();
    assert_eq!((fourth.source, fourth.clip.samples().len()), (PromptSource::Shipped, 5));
    assert_eq!(engine.runs.load(Ordering::SeqCst), 1);
}

#[test]
fn another_text_is_said_anew() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = Prompts::new(folder.path(), folder.path(), Arc::new(Counting::default()));
    let before = prompts.clip(Language::En, "v", "We lend money.").unwrap();
    let after = prompts.clip(Language::En, "v", "We lend tools and money.").unwrap();
    assert_ne!(before.duration(), after.duration());
}

#[test]
fn a_kept_clip_is_one_byte_a_sample_under_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let prompts =
        Prompts::new(folder.path(), folder.path().join("new"), Arc::<Counting>::default());
    let rendered = prompts.render(&english("Hello.")).unwrap();
    let names: Vec<_> = fs::read_dir(folder.path().join("new"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, [rendered.key.file_name()], "nothing temporary is left");
    let file = folder.path().join("new").join(rendered.key.file_name());
    assert_eq!(fs::metadata(file).unwrap().len(), rendered.clip.samples().len() as u64);
}

#[test]
fn an_empty_file_counts_as_none() {
    let folder = tempfile::tempdir().unwrap();
    let request = english("Hello.");
    fs::write(folder.path().join(PromptKey::of(&request).file_name()), []).unwrap();
    let prompts = Prompts::new(folder.path(), folder.path(), Arc::<Counting>::default());
    assert_eq!(prompts.render(&request).unwrap().source, PromptSource::Synthesised);
}

#[test]
fn keys_are_stable_and_depend_on_everything_but_white_space() {
    let one = english("Hello there.");
    // Shipped clips are named by this: a changed key orphans them all.
    assert_eq!(PromptKey::of(&one).to_string(), "59609f7f709fa52714bb6a7aa7b73cb6");
    assert_eq!(PromptKey::of(&english(" Hello \n there. ")), PromptKey::of(&one));
    let others = [
        PromptRequest { language: Language::Zh, ..one.clone() },
        PromptRequest { voice: "am_michael".to_owned(), ..one.clone() },
        PromptRequest { rate: 90, ..one.clone() },
        english("Hello there!"),
    ];
    for other in others {
        assert_ne!(PromptKey::of(&other), PromptKey::of(&one), "{other:?}");
    }
}

#[test]
fn a_failure_names_language_letters_and_remedy_but_not_the_text() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = Prompts::new(folder.path(), folder.path(), Arc::<Counting>::default());
    let error = prompts.clip(Language::En, "", "fail").unwrap_err().to_string();
    assert!(error.starts_with("en prompt "), "{error}");
    let rest =
        "(4 characters, Latin letters): espeak-ng is not installed: apt-get install espeak-ng";
    assert!(error.ends_with(rest), "{error}");
}

#[test]
fn preparing_reports_each_prompt_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = Prompts::new(folder.path(), folder.path(), Arc::<Counting>::default());
    let mut seen = Vec::new();
    let requests = [english("one"), english("three"), english("one")];
    prompts.prepare(&requests, |place, rendered| seen.push((place, rendered.source))).unwrap();
    use PromptSource::{Memory, Synthesised};
    assert_eq!(seen, [(0, Synthesised), (1, Synthesised), (2, Memory)]);
}
