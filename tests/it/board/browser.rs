//! Chromium without a window, driven over its debugging pipe.
//!
//! In: an address and a JavaScript expression. Out: what the expression comes to. Messages are
//! JSON, each ended by a zero byte, as the Chrome DevTools Protocol has it over a pipe.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::kill;

/// How long an answer may take: the first one waits for the browser to start.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// A browser with one page. Dropping it ends it.
pub(crate) struct Browser {
    child: Child,
    messages: Receiver<Value>,
    last_id: u64,
    session: Option<String>,
}

impl Browser {
    /// Opens a page; `profile` is where the browser keeps what it keeps.
    pub(crate) fn open(url: &str, profile: &Path) -> Self {
        let flags = "--headless=new --no-sandbox --disable-gpu --remote-debugging-pipe";
        let pipes = "3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null";
        let line = format!("exec chromium {flags} --user-data-dir=\"$0\" about:blank {pipes}");
        let mut command = Command::new("sh");
        command.args(["-c", &line]).arg(profile).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program `sh`");
        let stdout = child.stdout.take().expect("piped");
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(stdout).split(0) {
                let Ok(message) = message else { break };
                let message = serde_json::from_slice(&message).expect("JSON from the browser");
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self { child, messages, last_id: 0, session: None };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let wanted = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &wanted);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser.call("Page.enable", &json!({}));
        browser.call("Page.navigate", &json!({ "url": url }));
        while browser.message("a page")["method"] != "Page.loadEventFired" {}
        browser
    }

    /// What a promise in the page comes to. It counts as done by hand: a page may begin to play
    /// what somebody pressed.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let wanted = json!({
            "expression": expression,
            "awaitPromise": true,
            "returnByValue": true,
            "userGesture": true,
        });
        let answer = self.call("Runtime.evaluate", &wanted);
        let failure = &answer["exceptionDetails"];
        assert!(failure.is_null(), "{failure}");
        answer["result"]["value"].clone()
    }

    /// Answers the question for user and password, now and later.
    pub(crate) fn sign_in(&mut self, user: &str, password: &str) {
        self.call("Network.enable", &json!({}));
        let expression = format!("btoa({:?})", format!("{user}:{password}"));
        let proof = self.evaluate(&expression);
        let proof = format!("Basic {}", proof.as_str().expect("text"));
        let headers = json!({ "headers": { "Authorization": proof } });
        self.call("Network.setExtraHTTPHeaders", &headers);
    }

    fn message(&self, wanted: &str) -> Value {
        let message = self.messages.recv_timeout(ANSWER_MAX);
        message.unwrap_or_else(|error| panic!("{wanted}: no answer from the browser: {error}"))
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.last_id += 1;
        let mut call = json!({ "id": self.last_id, "method": method, "params": params });
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        let pipe = self.child.stdin.as_mut().expect("piped");
        write!(pipe, "{call}\0").expect("write to the browser: is `chromium` installed?");
        loop {
            let message = self.message(method);
            if message["id"] == self.last_id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        kill(&format!("-{}", self.child.id()));
        drop(self.child.wait());
    }
}
