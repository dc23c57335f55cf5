use super::*;

fn folder_of(recordings: &[(&str, Clip)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, clip) in recordings {
        std::fs::write(folder.path().join(name), clip.to_wav()).expect("a recording");
    }
    folder
}

#[test]
fn recordings_are_counted_by_what_their_names_say() {
    let answered = Clip::tone(2_100, Millis(2_500), 8_000);
    let rings = Clip::silence(Millis(300)).followed_by(&Clip::tone(425, Millis(1_000), 8_000));
    let folder = folder_of(&[
        ("fax-1.wav", answered.clone()),
        ("human-1.wav", answered),
        ("human-2.wav", Clip::silence(Millis(3_000))),
        ("ringback-1.wav", rings),
        ("notes.txt", Clip::silence(Millis(0))),
    ]);
    let figures = measure(folder.path()).expect("readable recordings");
    assert_eq!((figures.samples, figures.right), (4, 3));
    assert_eq!((figures.humans, figures.humans_called_machine), (2, 1));
    assert_eq!(figures.wrong.len(), 1);
    assert!(figures.wrong[0].starts_with("human-1: answer.fax_answer_tone"), "{figures:?}");
    assert!(text(&figures).contains("4 recordings: 75.0 % right"), "{}", text(&figures));
}

#[test]
fn a_name_without_a_label_is_refused_with_what_would_be_right() {
    let folder = folder_of(&[("somebody-1.wav", Clip::silence(Millis(100)))]);
    let error = measure(folder.path()).expect_err("no label").to_string();
    assert!(error.contains("somebody-1.wav") && error.contains("human-001.wav"), "{error}");
    let empty = folder_of(&[]);
    assert!(measure(empty.path()).is_err());
}
