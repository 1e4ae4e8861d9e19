//! A Chromium without a window, driven over a pair of pipes by its DevTools protocol: messages
//! are JSON, each ended by a zero byte.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A browser with one page.
pub struct Chromium {
    child: Child,
    to: File,
    from: BufReader<File>,
    session: Option<String>,
    last: u64,
    loaded: bool,
    /// What the page asked for.
    pub requests: Vec<String>,
    /// Errors and warnings of the console, exceptions, and breaches of the page's policy.
    pub complaints: Vec<String>,
}

impl Chromium {
    /// Starts it with an empty profile; `None` if there is none to start.
    pub fn start(dir: &Path) -> Option<Self> {
        let program = ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .find(|name| Command::new(name).arg("--version").output().is_ok())?;
        let pipes = ["to", "from"].map(|name| dir.join(name));
        for pipe in &pipes {
            assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        }
        // The protocol's pipes are the descriptors 3 and 4.
        let child = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<"$TO" 4>"$FROM""#, program])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
            .args(["--disable-component-update", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", dir.join("profile").display()))
            .env("TO", &pipes[0])
            .env("FROM", &pipes[1])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = File::options().write(true).open(&pipes[0]).unwrap();
        let from = BufReader::new(File::open(&pipes[1]).unwrap());
        let mut out = Self {
            child,
            to,
            from,
            session: None,
            last: 0,
            loaded: false,
            requests: Vec::new(),
            complaints: Vec::new(),
        };
        let target = out.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = out.call("Target.attachToTarget", attach);
        out.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            out.call(&format!("{domain}.enable"), json!({}));
        }
        Some(out)
    }

    /// Opens a page and waits until it is there.
    pub fn open(&mut self, url: &str) {
        self.loaded = false;
        self.requests.clear();
        self.call("Page.navigate", json!({ "url": url }));
        while !self.loaded {
            let message = self.receive();
            self.notice(&message);
        }
    }

    /// Makes the page as wide as a screen of so many pixels.
    pub fn resize(&mut self, width: u32) {
        let screen = json!({
            "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.call("Emulation.setDeviceMetricsOverride", screen);
    }

    /// A number that the page computes.
    pub fn number(&mut self, expression: &str) -> i64 {
        let done = self.call("Runtime.evaluate", json!({ "expression": expression }));
        done["result"]["value"].as_i64().unwrap_or_else(|| panic!("{expression}: {done}"))
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer = self.receive();
            if answer["id"] == self.last {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
            self.notice(&answer);
        }
    }

    fn receive(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(0), "Chromium ended");
        serde_json::from_slice(&bytes).unwrap()
    }

    fn notice(&mut self, event: &Value) {
        let about = &event["params"];
        match event["method"].as_str() {
            Some("Page.loadEventFired") => self.loaded = true,
            Some("Network.requestWillBeSent") => {
                self.requests.extend(about["request"]["url"].as_str().map(str::to_owned));
            }
            Some("Runtime.exceptionThrown" | "Log.entryAdded") => {
                self.complaints.push(about.to_string());
            }
            Some("Runtime.consoleAPICalled") => self.complaints.push(about["args"].to_string()),
            _ => {}
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
