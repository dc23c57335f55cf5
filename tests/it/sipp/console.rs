//! The board in a browser, for who may listen: signs in, plays a recording and seeks in it.

use serde_json::{Value, json};

use super::http::{ask, free_address, look_for, users};
use super::peer::Sipp;
use super::platform::Stage;
use super::recorded::Customer;
use crate::board::browser::Browser;

/// Seeks to the last second, and says where that is.
const SEEK: &str = r#"new Promise((resolve, reject) => {
    const player = document.querySelector('[data-testid=player]')
    player.addEventListener('seeked', () => resolve(player.currentTime), { once: true })
    player.currentTime = player.duration - 1
    setTimeout(() => reject(new Error('not sought')), 20000)
})"#;

/// Waits in the page until an expression gives something.
fn until(expression: &str) -> String {
    format!(
        r#"new Promise((resolve, reject) => {{
    const part = id => document.querySelector(`[data-testid="${{id}}"]`)
    let isOver = false
    const look = () => {{
        // What is looked for may be pressed, which changes the page.
        const found = !isOver && {expression}
        if (!found) return
        isOver = true
        resolve(found)
    }}
    const all = {{ subtree: true, childList: true, characterData: true, attributes: true }}
    new MutationObserver(look).observe(document, all)
    // What media say bubbles nowhere, but is captured.
    document.addEventListener('loadedmetadata', look, true)
    look()
    setTimeout(() => reject(new Error(document.body.innerText)), 20000)
}})"#
    )
}

/// Presses a button once it is there.
fn press(browser: &mut Browser, id: &str) {
    let there = format!("part('{id}') && (part('{id}').click(), true)");
    assert_eq!(browser.evaluate(&until(&there)), json!(true));
}

#[test]
fn a_recording_is_played_on_the_board_after_signing_in() {
    let mut stage = Stage::new(1);
    let http = free_address();
    users(stage.path(), "ear:writer:open-ear\n");
    stage.http(&format!("listen = \"{http}\"\nuser_file = \"users\""));
    let customer = Customer::new();
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &customer.media());
    let running = stage.carrier(sipp.sip, "").campaign("record = true").start_by(&[], &[], &[]);
    customer.hum_for(200);
    let milliseconds = look_for("recording", || {
        let list = ask(http, "GET /api/recordings", "ear:open-ear", "").json();
        list["recordings"][0]["duration_ms"].as_u64()
    });

    let mut browser = Browser::open(&format!("http://{http}/"), &stage.path().join("browser"));
    let asked = browser.evaluate(&until("part('listen-sign-in')?.textContent"));
    assert_eq!(asked, "Sign in to listen");
    assert_eq!(
        browser.evaluate("document.querySelectorAll('[data-testid=play]').length"),
        json!(0)
    );
    browser.sign_in("ear", "open-ear");
    press(&mut browser, "listen-sign-in");
    press(&mut browser, "play");
    // It knows its length from the first piece, and fetches another one for a place far behind.
    let length = browser.evaluate(&until("part('player')?.duration"));
    let length = length.as_f64().expect("a length") * 1e3;
    assert!((length - milliseconds as f64).abs() < 50.0, "{length} of {milliseconds} ms");
    let sought = browser.evaluate(SEEK);
    assert!(sought.as_f64() > Some(length / 1e3 - 1.5), "{sought}");
    drop(browser);
    let log = running.stop();
    drop(sipp);
    let by: Vec<&Value> = log.fields("RecordingPlayed", "by");
    assert_eq!(by, [&json!("ear")], "heard once, in pieces");
}
