// SPDX-License-Identifier: Apache-2.0
//! A headless Chromium that is spoken to through two pipes, so that no port is opened and no library is needed.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page.
pub struct Chromium {
    child: Child,
    to: fs::File,
    from: Receiver<Value>,
    session: Option<String>,
    last: u64,
    /// What the browser told without being asked.
    events: Vec<Value>,
    directory: TempDir,
}

impl Chromium {
    /// Starts one.
    pub fn start() -> Self {
        let program =
            env::var("UPSURGE_CHROMIUM").expect("UPSURGE_CHROMIUM names a Chromium: make report-browser");
        let directory = tempfile::tempdir().unwrap();
        let [to, from] = ["to", "from"].map(|name| directory.path().join(name));
        for pipe in [&to, &from] {
            assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        }
        // It reads from descriptor 3 and writes to 4.
        let child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<\"$TO\" 4>\"$FROM\"", "sh", program.as_str()])
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--remote-debugging-pipe",
                "--hide-scrollbars",
            ])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-dev-shm-usage",
                "--disable-extensions",
            ])
            .arg(format!("--user-data-dir={}", directory.path().join("profile").display()))
            .env("TO", &to)
            .env("FROM", &from)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let to = fs::File::create(to).unwrap();
        let mut answers = BufReader::new(fs::File::open(from).unwrap());
        let (sender, from) = channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            while answers.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                let text = message.strip_suffix(&[0]).unwrap_or(&message);
                if sender.send(serde_json::from_slice(text).unwrap_or_default()).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let mut browser = Self { child, to, from, session: None, last: 0, events: Vec::new(), directory };
        let target = browser.ask("Target.createTarget", json!({"url": "about:blank"}));
        let attached =
            browser.ask("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network", "Performance"] {
            browser.ask(&format!("{domain}.enable"), json!({}));
        }
        browser.window(1280, 900);
        browser
    }

    /// Asks the browser for something and waits for its answer.
    pub fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut text = message.to_string().into_bytes();
        text.push(0);
        self.to.write_all(&text).unwrap();
        loop {
            let answer = self.from.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no answer to {method}"));
            if answer["id"] == self.last {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    /// Shows a page and waits until its charts are drawn, or until it is loaded where they can't be.
    pub fn show(&mut self, html: &str, is_live: bool) {
        let file = self.file();
        fs::write(&file, html).unwrap();
        self.events.clear();
        self.ask("Page.navigate", json!({"url": format!("file://{}", file.display())}));
        self.until("document.readyState === 'complete'");
        if is_live {
            self.until("document.documentElement.classList.contains('live')");
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("report.html")
    }

    /// Waits until an expression is true.
    pub fn until(&mut self, expression: &str) {
        let begin = Instant::now();
        while self.value(expression) != Value::Bool(true) {
            assert!(begin.elapsed() < PATIENCE, "{expression}; told: {:#?}", self.complaints());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.ask("Runtime.evaluate", parameters);
        assert!(
            answer.get("exceptionDetails").is_none(),
            "{expression:.200}: {}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].clone()
    }

    /// Everything that the page complained of so far.
    pub fn complaints(&self) -> Vec<String> {
        let told = |event: &&Value| {
            let method = event["method"].as_str().unwrap_or_default();
            method == "Runtime.exceptionThrown"
                || method == "Log.entryAdded"
                || (method == "Runtime.consoleAPICalled" && event["params"]["type"] != "log")
        };
        self.events.iter().filter(told).map(Value::to_string).collect()
    }

    /// Addresses that the page asked for, besides its own.
    pub fn requests(&self) -> Vec<String> {
        let own = format!("file://{}", self.file().display());
        let asked = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        let addresses = asked.filter_map(|event| event["params"]["request"]["url"].as_str());
        addresses
            .filter(|address| *address != own && !address.starts_with("data:"))
            .map(str::to_owned)
            .collect()
    }

    /// Begins a trace: marks of the page, and all tasks of its threads.
    pub fn trace(&mut self) {
        let categories =
            ["blink.user_timing", "devtools.timeline", "disabled-by-default-devtools.timeline", "toplevel"];
        let config = json!({"recordMode": "recordUntilFull", "includedCategories": categories});
        self.ask("Tracing.start", json!({"transferMode": "ReportEvents", "traceConfig": config}));
    }

    /// Ends the trace, and gives its events.
    pub fn traced(&mut self) -> Vec<Value> {
        self.ask("Tracing.end", json!({}));
        while !self.events.iter().any(|event| event["method"] == "Tracing.tracingComplete") {
            self.events.push(self.from.recv_timeout(PATIENCE).expect("the trace does not end"));
        }
        let (parts, others): (Vec<Value>, Vec<Value>) = std::mem::take(&mut self.events)
            .into_iter()
            .partition(|event| event["method"].as_str().is_some_and(|method| method.starts_with("Tracing.")));
        self.events = others;
        let parts = parts.into_iter().filter_map(|part| part["params"]["value"].as_array().cloned());
        parts.flatten().collect()
    }

    /// Sets the size of the window.
    pub fn window(&mut self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        self.ask("Emulation.setDeviceMetricsOverride", size);
    }

    /// Sets the theme, and whether the page is shown as it would be printed.
    pub fn media(&mut self, theme: &str, media: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": theme}]);
        self.ask("Emulation.setEmulatedMedia", json!({"media": media, "features": features}));
    }

    /// Leaves a picture of the whole page, or of its upper part if it is very long.
    pub fn picture(&mut self, name: &str) {
        let Some(directory) = env::var_os("UPSURGE_SCREENSHOTS").map(PathBuf::from) else { return };
        fs::create_dir_all(&directory).unwrap();
        let size = self.ask("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
        let height = size["height"].as_f64().unwrap_or(900.0).min(9_000.0);
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1});
        let parameters = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = self.ask("Page.captureScreenshot", parameters);
        use base64::{Engine as _, prelude::BASE64_STANDARD};
        let bytes = BASE64_STANDARD.decode(picture["data"].as_str().unwrap()).unwrap();
        fs::write(directory.join(format!("{name}.png")), bytes).unwrap();
    }

    /// Presses a key.
    pub fn key(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            let text = if key.chars().count() == 1 { key } else { "" };
            self.ask("Input.dispatchKeyEvent", json!({"type": kind, "key": key, "text": text}));
        }
    }

    /// Moves or presses the mouse at a place of the window.
    pub fn mouse(&mut self, kind: &str, x: f64, y: f64) {
        let pressed = kind != "mouseMoved" || self.value("window.isPressed === true") == true;
        let button = if pressed { "left" } else { "none" };
        let buttons = u8::from(pressed && kind != "mouseReleased");
        let parameters =
            json!({"type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1});
        self.ask("Input.dispatchMouseEvent", parameters);
        let is_pressed = kind == "mousePressed" || (kind == "mouseMoved" && pressed);
        self.value(&format!("window.isPressed = {is_pressed}"));
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
