//! Copies in a store that is killed, damaged, emptied, dead.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::memory::InMemory;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use tempfile::TempDir;

use super::super::steps::Steps;
use super::super::{Manifest, StoredFile};
use super::upload::{GRACE, LOOK_EVERY};
use super::*;
use crate::base::{Millis, Timestamp};
use crate::event_log::Objects;

const NOW: Timestamp = Timestamp::from_micros(1_795_244_400_000_000);
const OLD: &str = "aaaaaaaaaaaa";
const NEW: &str = "bbbbbbbbbbbb";

/// A folder `projections`, and a store.
struct World {
    disk: TempDir,
    store: Arc<InMemory>,
}

impl World {
    fn new() -> Self {
        Self { disk: tempfile::tempdir().expect("a folder"), store: Arc::default() }
    }

    fn projections(&self) -> &Path {
        self.disk.path()
    }

    fn mirror(&self) -> Mirror {
        let objects = Objects {
            place: "s3://lake/views".to_owned(),
            name: "s3://lake/views at http://127.0.0.1:9".to_owned(),
            store: self.store.clone(),
            prefix: "views".into(),
        };
        Mirror::new(self.projections(), objects, Copies::default())
    }

    /// A view on the disk with files of these contents.
    fn publish(&self, view: &str, position: u64, definition: &str, contents: &[&str]) {
        let folder = self.projections().join(view.replace('.', "/"));
        std::fs::create_dir_all(folder.join(definition)).expect("a folder");
        let files = (0..).zip(contents).map(|(window, content)| {
            let blake3 = blake3::hash(content.as_bytes()).to_hex().to_string();
            let file = format!("{definition}/{window}-{}.parquet", &blake3[..16]);
            std::fs::write(folder.join(&file), content).expect("written");
            let bytes = content.len() as u64;
            (window, StoredFile { file, last: window, windows: 1, rows: 1, bytes, blake3 })
        });
        let manifest = Manifest {
            view: view.to_owned(),
            definition: definition.repeat(5),
            position: Some(position),
            files: files.collect(),
            ..Manifest::default()
        };
        let path = folder.join("manifest.json");
        std::fs::write(&path, manifest.text(&path).expect("text")).expect("written");
    }

    /// Everything in the store, by path below the prefix.
    async fn objects(&self) -> BTreeMap<String, Bytes> {
        let all: Vec<_> = self.store.list(None).try_collect().await.expect("listed");
        let mut objects = BTreeMap::new();
        for object in all {
            let bytes = self.store.get(&object.location).await.expect("there");
            let path = object.location.as_ref().strip_prefix("views/").expect("below").to_owned();
            objects.insert(path, bytes.bytes().await.expect("bytes"));
        }
        objects
    }

    async fn write(&self, path: &str, content: &'static str) {
        let path = format!("views/{path}").into();
        self.store.put(&path, content.into()).await.expect("stored");
    }

    /// What the manifests on the disk and the files they name would be in the store.
    fn wanted(&self) -> BTreeMap<String, Bytes> {
        let mut wanted = BTreeMap::new();
        for (path, _) in names_of(self.projections(), "manifest.json") {
            let text = std::fs::read(self.projections().join(&path)).expect("read");
            let manifest: Manifest = serde_json::from_slice(&text).expect("a manifest");
            let folder = path.strip_suffix("/manifest.json").expect("its name");
            for file in manifest.files.values() {
                let path = format!("{folder}/{}", file.file);
                let bytes = std::fs::read(self.projections().join(&path)).expect("read");
                wanted.insert(path, bytes.into());
            }
            wanted.insert(path, text.into());
        }
        wanted
    }

    /// Positions of the manifests in the store; fails where one names what is not there.
    async fn whole(&self) -> BTreeMap<String, Option<u64>> {
        let objects = self.objects().await;
        let mut positions = BTreeMap::new();
        for (path, text) in &objects {
            let Some(folder) = path.strip_suffix("manifest.json") else { continue };
            let manifest: Manifest = serde_json::from_slice(text).expect("a manifest");
            for file in manifest.files.values() {
                let bytes = objects.get(&format!("{folder}{}", file.file)).expect("what is named");
                assert_eq!(blake3::hash(bytes).to_hex().as_str(), file.blake3, "{path}");
            }
            positions.insert(manifest.view, manifest.position);
        }
        positions
    }
}

/// Files below a folder that are called so, with their lengths.
fn names_of(folder: &Path, name: &str) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with(name) {
                let below = path.strip_prefix(folder).expect("below").display().to_string();
                found.push((below, entry.metadata().expect("known").len()));
            }
        }
    }
    found
}

fn later(span: Millis) -> Timestamp {
    NOW.plus(span)
}

fn two_views(world: &World, position: u64, changing: &str) {
    world.publish("funnel.days", position, OLD, &["one", "two", changing]);
    world.publish("operational.hours", position, OLD, &["four", changing]);
}

#[tokio::test]
async fn the_store_has_what_the_disk_has_and_nothing_is_stored_twice() {
    let world = World::new();
    two_views(&world, 9, "three");
    let mut mirror = world.mirror();
    let passed = mirror.pass(NOW).await;
    assert_eq!((passed.current, passed.stored, passed.removed), (2, 7, 0), "{passed:?}");
    assert_eq!(world.objects().await, world.wanted());

    // Then the store is not asked at all, and by a process that knows nothing it is only read
    let same = Passed { current: 2, ..Passed::default() };
    mirror.steps = Steps::ending_after(0);
    assert_eq!(mirror.pass(NOW).await, same);
    mirror.steps = Steps::default();
    std::fs::remove_file(world.projections().join("store.json")).expect("removed");
    let mut other = world.mirror();
    assert_eq!(other.pass(NOW).await, same);

    // And of what changes, only that
    two_views(&world, 12, "three and more");
    assert_eq!(other.pass(NOW).await.stored, 4);
    assert_eq!(other.pass(later(LOOK_EVERY)).await.stored, 0);
    // What was read once is not read again at the next start: a listing is enough
    let mut third = world.mirror();
    third.steps = Steps::ending_after(1);
    assert_eq!(third.pass(NOW).await, same);
    assert_eq!(world.whole().await["funnel.days"], Some(12));
    // The first one notices that another wrote meanwhile
    assert_eq!(mirror.pass(NOW).await, same);
}

#[tokio::test]
async fn a_kill_at_any_step_leaves_the_copy_whole_and_the_next_process_goes_on() {
    let mut killed = 0;
    for most in 0.. {
        let world = World::new();
        two_views(&world, 9, "three");
        assert_eq!(world.mirror().pass(NOW).await.stored, 7);
        world.publish("funnel.days", 12, NEW, &["one", "new"]);
        world.publish("operational.hours", 12, OLD, &["four", "new"]);
        world.publish("strategic.weeks", 12, OLD, &["five"]);
        let before = names_of(world.projections(), "store.json");
        let memory = std::fs::read(world.projections().join("store.json")).expect("read");

        let mut dying = world.mirror();
        dying.steps = Steps::ending_after(most);
        let steps = dying.steps.clone();
        drop(dying.pass(NOW).await);
        // Who is killed writes nothing down; now and then what was written is lost besides.
        if most % 3 == 0 {
            std::fs::remove_file(world.projections().join("store.json")).expect("removed");
        } else {
            std::fs::write(world.projections().join("store.json"), memory).expect("written");
            assert_eq!(names_of(world.projections(), "store.json"), before);
        }
        let positions = world.whole().await;
        assert!(positions.values().all(|at| matches!(at, Some(9 | 12))), "{most}: {positions:?}");

        let there = world.objects().await;
        let wanted = world.wanted();
        let lacking = wanted.iter().filter(|(path, bytes)| there.get(*path) != Some(*bytes));
        let lacking = lacking.count();
        let passed = world.mirror().pass(NOW).await;
        assert_eq!((passed.stored, passed.errors), (lacking, Vec::new()), "after step {most}");
        let there = world.objects().await;
        assert!(wanted.iter().all(|(path, bytes)| there.get(path) == Some(bytes)), "{most}");
        assert!(world.whole().await.values().all(|at| *at == Some(12)));
        if !steps.is_ended() {
            break;
        }
        killed += 1;
    }
    assert!(killed > 12, "{killed}");
}

#[tokio::test]
async fn what_is_damaged_in_the_store_is_named_and_stored_again() {
    let world = World::new();
    two_views(&world, 9, "three");
    world.publish("strategic.weeks", 9, OLD, &["five"]);
    let mut mirror = world.mirror();
    mirror.pass(NOW).await;
    let wanted = world.wanted();
    let file = wanted.keys().find(|path| path.starts_with("funnel/days/aaa")).expect("one").clone();
    let manifest = "funnel/days/manifest.json".to_owned();
    let foreign: &'static str = std::str::from_utf8(&wanted["strategic/weeks/manifest.json"])
        .map(|text| String::leak(text.to_owned()))
        .expect("text");
    let damages = [
        (&file, "on", "it had 2 bytes, 3 were written"),
        (&file, "ONE", "its bytes were not those that were written"),
        (&manifest, "{", "it was no manifest of a view"),
        (&manifest, foreign, "it was the manifest of another view"),
    ];
    let mut now = NOW;
    for (path, content, what) in damages {
        for is_new_process in [false, true] {
            world.write(path, content).await;
            if is_new_process {
                mirror = world.mirror();
            } else {
                now = now.plus(LOOK_EVERY);
            }
            let passed = mirror.pass(now).await;
            assert_eq!((passed.stored, passed.current), (1, 3), "{path}: {what}");
            assert_eq!(world.objects().await, wanted);
            let note = mirror_says(&mirror, "funnel.days").note.expect("a note");
            assert_eq!(note, format!("s3://lake/views/{path}: {what}; stored again"));
        }
    }

    // What is gone is noticed, too, and so is another platform at the same prefix
    world.store.delete(&format!("views/{file}").into()).await.expect("removed");
    now = now.plus(LOOK_EVERY);
    assert_eq!(mirror.pass(now).await.stored, 1);
    let note = mirror_says(&mirror, "funnel.days").note.expect("a note");
    assert_eq!(note, format!("s3://lake/views/{file}: it was gone; stored again"));
    let other = World { disk: tempfile::tempdir().expect("a folder"), store: world.store.clone() };
    other.publish("funnel.days", 3, OLD, &["one"]);
    assert_eq!(other.mirror().pass(now).await.stored, 1);
    now = now.plus(LOOK_EVERY);
    assert_eq!(mirror.pass(now).await.stored, 1);
    let note = mirror_says(&mirror, "funnel.days").note.expect("a note");
    assert!(note.contains("somebody else had written it"), "{note}");
    assert_eq!(world.objects().await, wanted);
}

fn mirror_says(mirror: &Mirror, view: &str) -> Copied {
    mirror.copies().of(view)
}

#[tokio::test]
async fn what_no_manifest_names_goes_after_the_grace_and_what_is_not_ours_stays() {
    let world = World::new();
    two_views(&world, 9, "three");
    world.mirror().pass(NOW).await;
    // Given a half upload, and objects of somebody else
    world.write(&format!("funnel/days/{NEW}/7-0123456789abcdef.parquet"), "stray").await;
    world.write("funnel/days/README", "of others").await;
    world.write("notes.txt", "of others").await;
    world.publish("funnel.days", 12, NEW, &["one", "new"]);
    let mut mirror = world.mirror();
    let passed = mirror.pass(NOW).await;
    assert_eq!((passed.stored, passed.removed), (3, 0), "{passed:?}");
    let before = world.objects().await.len();
    assert_eq!(before, 7 + 2 + 3);

    // Then who reads the manifest before finds its files for a while, whoever restarts
    let almost = Millis(GRACE.0 - 1);
    assert_eq!(mirror.pass(later(almost)).await.removed, 0);
    let mut mirror = world.mirror();
    assert_eq!(mirror.pass(later(GRACE)).await.removed, 4);
    let left = world.objects().await;
    assert!(left.contains_key("notes.txt") && left.contains_key("funnel/days/README"));
    let wanted = world.wanted();
    assert!(wanted.iter().all(|(path, bytes)| left.get(path) == Some(bytes)));
    assert_eq!(left.len(), wanted.len() + 2);

    // And a view whose folder is not on the disk is left alone
    std::fs::remove_dir_all(world.projections().join("funnel")).expect("removed");
    let passed = mirror.pass(later(Millis(3 * GRACE.0))).await;
    assert_eq!(passed, Passed { current: 1, ..Passed::default() });
    assert_eq!(world.objects().await, left);
}

#[tokio::test]
async fn a_store_that_is_gone_is_named_and_a_file_that_is_damaged_here_never_gets_there() {
    let world = World::new();
    two_views(&world, 9, "three");
    let mut mirror = world.mirror();
    mirror.steps = Steps::ending_after(0);
    let passed = mirror.pass(NOW).await;
    assert_eq!((passed.current, passed.stored, passed.errors.len()), (0, 0, 2), "{passed:?}");
    for view in ["funnel.days", "operational.hours"] {
        let copied = mirror_says(&mirror, view);
        let error = copied.error.expect("an error");
        assert!(error.starts_with("s3://lake/views at http://127.0.0.1:9"), "{error}");
        assert!(
            error.ends_with("the views answer from the disk, and it is tried again"),
            "{error}"
        );
        assert_eq!(copied.position, None);
    }
    mirror.steps = Steps::default();
    assert_eq!(mirror.pass(NOW).await.current, 2);
    assert_eq!(mirror_says(&mirror, "funnel.days").error, None);
    assert_eq!(mirror_says(&mirror, "funnel.days").position, Some(9));

    // Given a file that changed on the disk after it was made
    two_views(&world, 12, "more");
    let (path, _) = names_of(world.projections(), "manifest.json")
        .into_iter()
        .find(|(path, _)| path.starts_with("funnel"))
        .expect("a manifest");
    let text = std::fs::read(world.projections().join(&path)).expect("read");
    let manifest: Manifest = serde_json::from_slice(&text).expect("a manifest");
    let file = world.projections().join("funnel/days").join(&manifest.files[&2].file);
    std::fs::write(&file, "MORE").expect("written");
    // Then the other view goes on, and this one says which file it is
    let passed = mirror.pass(NOW).await;
    assert_eq!((passed.current, passed.errors.len()), (1, 1), "{passed:?}");
    let error = mirror_says(&mirror, "funnel.days").error.expect("an error");
    assert!(error.contains(&file.display().to_string()), "{error}");
    assert!(
        error.contains("its bytes are not those that were written; the next refresh"),
        "{error}"
    );
    assert_eq!(world.whole().await["funnel.days"], Some(9));
    assert_eq!(world.whole().await["operational.hours"], Some(12));

    // And what another process shows is what was written down last
    let other = Copies::default();
    other.configure("s3://lake/views");
    other.look(world.projections());
    assert_eq!(other.of("funnel.days"), mirror_says(&mirror, "funnel.days"));
    other.configure("s3://another");
    other.look(world.projections());
    assert_eq!(other.of("funnel.days"), Copied::default());
}
