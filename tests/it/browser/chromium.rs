//! A headless Chromium, driven over its DevTools protocol. Waits for conditions, never for time.
//!
//! Every tab keeps what the page did wrong: errors on its console, exceptions, requests to another origin.

use std::collections::HashSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chromiumoxide::cdp::browser_protocol::browser::{
    DownloadProgressState, EventDownloadProgress, SetDownloadBehaviorBehavior, SetDownloadBehaviorParams,
};
use chromiumoxide::cdp::browser_protocol::dom::SetFileInputFilesParams;
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams, SetEmulatedMediaParams,
};
use chromiumoxide::cdp::browser_protocol::input::{
    DispatchMouseEventParams, DispatchMouseEventType, MouseButton,
};
use chromiumoxide::cdp::browser_protocol::log::{EventEntryAdded, LogEntryLevel};
use chromiumoxide::cdp::browser_protocol::network::{EnableParams, EventRequestWillBeSent};
use chromiumoxide::cdp::browser_protocol::page::Viewport;
use chromiumoxide::cdp::js_protocol::runtime::{EvaluateParams, EventExceptionThrown};
use chromiumoxide::listeners::EventStream;
use chromiumoxide::page::ScreenshotParams;
use chromiumoxide::{BrowserConfig, Page};
use futures_util::StreamExt;
use glb_optimizer::optimize::proof::flip::{self, Perceived};
use image::RgbImage;

const EXECUTABLE: &str = "/usr/bin/chromium";
/// WebGL without a GPU, and nothing that calls home.
const FLAGS: &[&str] = &[
    "use-gl=angle",
    "use-angle=swiftshader",
    "enable-unsafe-swiftshader",
    "disable-quic",
    "disable-component-update",
];
/// A condition that is not met after this many milliseconds never will be, also on a busy machine.
const PATIENCE_MS: u64 = 120_000;

/// What the browser says when a page went away that was asked something.
const LEFT: &[&str] =
    &["context was destroyed", "navigated or closed", "Cannot find context", "was collected"];

/// A browser with a profile of its own.
pub(super) struct Browser {
    inner: chromiumoxide::Browser,
    downloads: PathBuf,
}

impl Browser {
    /// Starts Chromium with its profile and its downloads in `folder`.
    pub(super) async fn launch(folder: &Path) -> Self {
        assert!(Path::new(EXECUTABLE).exists(), "{EXECUTABLE} is missing; tests/run installs it");
        let config = BrowserConfig::builder()
            .chrome_executable(EXECUTABLE)
            .no_sandbox()
            .user_data_dir(folder.join("profile"))
            .args(FLAGS.iter().copied())
            .request_timeout(Duration::from_millis(PATIENCE_MS + 10_000))
            .viewport(None)
            .build()
            .unwrap();
        let (inner, mut handler) = chromiumoxide::Browser::launch(config).await.unwrap();
        tokio::spawn(async move { while handler.next().await.is_some() {} });
        let downloads = folder.join("downloads");
        let behaviour = SetDownloadBehaviorParams::builder()
            .behavior(SetDownloadBehaviorBehavior::Allow)
            .download_path(downloads.display().to_string())
            .events_enabled(true)
            .build()
            .unwrap();
        inner.execute(behaviour).await.unwrap();
        Self { inner, downloads }
    }

    /// Opens `url` in a window of this size in CSS pixels.
    pub(super) async fn open(&self, url: &str, (width, height): (u32, u32)) -> Tab {
        let page = self.inner.new_page("about:blank").await.unwrap();
        page.execute(SetDeviceMetricsOverrideParams::new(width, height, 1.0, false)).await.unwrap();
        let faults = Faults::watch(&page, url).await;
        let finished = self.inner.event_listener::<EventDownloadProgress>().await.unwrap();
        page.goto(url).await.unwrap();
        Tab { page, faults, finished: tokio::sync::Mutex::new(finished), downloads: self.downloads.clone() }
    }

    /// Ends the browser and waits for its end, so that its profile can be deleted.
    pub(super) async fn close(mut self) {
        self.inner.close().await.unwrap();
        self.inner.wait().await.unwrap();
    }
}

/// An open page.
pub(super) struct Tab {
    page: Page,
    faults: Faults,
    finished: tokio::sync::Mutex<EventStream<EventDownloadProgress>>,
    downloads: PathBuf,
}

impl Tab {
    /// Waits until a JavaScript condition holds, looking again at every change of the document.
    pub(super) async fn wait_for(&self, condition: &str) {
        let expression = format!(
            "new Promise((resolve, reject) => {{
                const look = () => ({condition}) && resolve('');
                new MutationObserver(look).observe(document,
                    {{ subtree: true, childList: true, attributes: true, characterData: true }});
                setTimeout(() => reject(new Error('still false: ' + document.body.innerText)), {PATIENCE_MS});
                look();
            }})"
        );
        // A page that loads itself again meanwhile is asked again.
        while let Err(error) = self.evaluate(&expression).await {
            let has_left = LEFT.iter().any(|words| error.contains(words));
            assert!(has_left, "waiting for {condition}: {error}; so far {:?}", self.faults.list());
        }
    }

    /// Waits until the page has drawn what it was asked to draw.
    pub(super) async fn wait_for_frame(&self) {
        let twice = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(''))))";
        self.evaluate(twice).await.unwrap();
    }

    /// The value of a JavaScript expression as text.
    pub(super) async fn read(&self, expression: &str) -> String {
        self.evaluate(&format!("String({expression})")).await.unwrap()
    }

    async fn evaluate(&self, expression: &str) -> Result<String, String> {
        let call = EvaluateParams::builder().expression(expression).await_promise(true).return_by_value(true);
        let result = self.page.evaluate_expression(call.build()?).await.map_err(|error| error.to_string())?;
        result.into_value().map_err(|error| error.to_string())
    }

    /// Runs a script, for its effects.
    pub(super) async fn run_script(&self, script: &str) {
        self.evaluate_now(&format!("(() => {{ {script}\n}})()")).await;
    }

    /// Evaluates an expression, for its effects.
    pub(super) async fn evaluate_now(&self, expression: &str) {
        self.evaluate(&format!("void ({expression}), ''")).await.unwrap();
    }

    /// The text that a promise is kept with.
    pub(super) async fn read_promise(&self, promise: &str) -> String {
        self.evaluate(promise).await.unwrap()
    }

    /// Chooses a file in the page's last dialog for files, which is the one that is visible.
    pub(super) async fn give_file(&self, path: &Path) {
        self.give_files(&[path.to_owned()]).await;
    }

    /// Chooses several files there.
    pub(super) async fn give_files(&self, paths: &[PathBuf]) {
        let inputs = self.page.find_elements("input[type=file][accept]").await.unwrap();
        let input = inputs.last().expect("the page has a file input");
        let mut files = SetFileInputFilesParams::new(
            paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
        );
        files.backend_node_id = Some(input.backend_node_id);
        self.page.execute(files).await.unwrap();
    }

    /// Clicks as a person does: in the middle of the element, wherever that is.
    pub(super) async fn click(&self, selector: &str) {
        self.page.find_element(selector).await.unwrap().click().await.unwrap();
    }

    /// Presses a key on a focused element.
    pub(super) async fn press(&self, selector: &str, key: &str) {
        let element = self.page.find_element(selector).await.unwrap();
        element.focus().await.unwrap().press_key(key).await.unwrap();
    }

    /// Presses the mouse in the middle of an element and lets go of it `right` pixels further.
    pub(super) async fn drag(&self, selector: &str, right: f64) {
        let from = self.page.find_element(selector).await.unwrap().clickable_point().await.unwrap();
        let steps = [
            (DispatchMouseEventType::MousePressed, from.x),
            (DispatchMouseEventType::MouseMoved, from.x + right / 2.0),
            (DispatchMouseEventType::MouseMoved, from.x + right),
            (DispatchMouseEventType::MouseReleased, from.x + right),
        ];
        for (what, x) in steps {
            let mut event = DispatchMouseEventParams::new(what, x, from.y);
            event.button = Some(MouseButton::Left);
            event.buttons = Some(1);
            event.click_count = Some(1);
            self.page.execute(event).await.unwrap();
        }
    }

    /// Clicks a download link; the bytes of the file that arrives.
    pub(super) async fn download(&self, selector: &str) -> Vec<u8> {
        let name = self.read(&format!("document.querySelector('{selector}').download")).await;
        self.download_as(selector, &name).await
    }

    /// Clicks what makes a file of this name; the bytes of the file that arrives.
    pub(super) async fn download_as(&self, selector: &str, name: &str) -> Vec<u8> {
        let path = self.downloads.join(name);
        let _ = std::fs::remove_file(&path);
        self.click(selector).await;
        let mut finished = self.finished.lock().await;
        while let Some(progress) = finished.next().await {
            match progress.state {
                DownloadProgressState::InProgress => {}
                DownloadProgressState::Completed => return std::fs::read(&path).unwrap(),
                DownloadProgressState::Canceled => panic!("the download was cancelled"),
            }
        }
        panic!("the browser ended during the download");
    }

    /// Gives the window another size.
    pub(super) async fn resize(&self, (width, height): (u32, u32)) {
        self.page.execute(SetDeviceMetricsOverrideParams::new(width, height, 1.0, false)).await.unwrap();
    }

    /// Lets the system prefer dark or light, and no motion, so that nothing is seen half-way between the two.
    pub(super) async fn prefer_dark(&self, is_dark: bool) {
        let wish = |name: &str, value: &str| MediaFeature { name: name.into(), value: value.into() };
        let scheme = wish("prefers-color-scheme", if is_dark { "dark" } else { "light" });
        let media =
            SetEmulatedMediaParams::builder().features([scheme, wish("prefers-reduced-motion", "reduce")]);
        self.page.execute(media.build()).await.unwrap();
        self.wait_for_frame().await;
    }

    /// What the window shows.
    pub(super) async fn screen(&self) -> Picture {
        self.wait_for_frame().await;
        let png = self.page.screenshot(ScreenshotParams::builder().build()).await.unwrap();
        Picture(image::load_from_memory(&png).unwrap().to_rgb8())
    }

    /// What is seen of an element.
    pub(super) async fn picture(&self, selector: &str) -> Picture {
        let place = format!(
            "(() => {{
                const element = document.querySelector('{selector}');
                element.scrollIntoView({{ block: 'center' }});
                const {{ x, y, width, height }} = element.getBoundingClientRect();
                return JSON.stringify([x + scrollX, y + scrollY, width, height]);
            }})()"
        );
        let place: [f64; 4] = serde_json::from_str(&self.read(&place).await).unwrap();
        self.wait_for_frame().await;
        let clip = Viewport { x: place[0], y: place[1], width: place[2], height: place[3], scale: 1.0 };
        let png = self.page.screenshot(ScreenshotParams::builder().clip(clip).build()).await.unwrap();
        Picture::read(&png)
    }

    /// Closes the tab and fails if the page did anything wrong but these: statuses of answers, which the browser puts on its console.
    pub(super) async fn close_with_faults(self, expected: &[&str]) {
        let is_expected = |fault: &String| {
            expected.iter().any(|status| fault.contains(&format!("responded with a status of {status} ")))
        };
        self.faults.0.lock().unwrap().retain(|fault| !is_expected(fault));
        self.close_without_faults().await;
    }

    /// Closes the tab and fails if the page did anything that it must never do.
    pub(super) async fn close_without_faults(self) {
        let faults = self.faults.list();
        assert!(faults.is_empty(), "the page did wrong: {faults:#?}");
        self.page.close().await.unwrap();
    }
}

/// What a page did wrong so far.
struct Faults(Arc<Mutex<Vec<String>>>);

impl Faults {
    async fn watch(page: &Page, url: &str) -> Self {
        let faults = Self(Arc::default());
        let origin = url.split('/').take(3).collect::<Vec<_>>().join("/");
        page.enable_log().await.unwrap();
        page.execute(EnableParams::default()).await.unwrap();
        faults.collect(page.event_listener::<EventEntryAdded>().await.unwrap(), |event| {
            let entry = &event.entry;
            (entry.level == LogEntryLevel::Error).then(|| format!("{} ({:?})", entry.text, entry.url))
        });
        faults.collect(page.event_listener::<EventExceptionThrown>().await.unwrap(), |event| {
            Some(format!("{:?}", event.exception_details))
        });
        faults.collect(page.event_listener::<EventRequestWillBeSent>().await.unwrap(), move |event| {
            let url = &event.request.url;
            let local = ["blob:", "data:", origin.as_str()].iter().any(|start| url.starts_with(start));
            (!local).then(|| format!("asked {url}"))
        });
        faults
    }

    fn collect<E>(&self, mut events: EventStream<E>, judge: impl Fn(&E) -> Option<String> + Send + 'static)
    where
        E: chromiumoxide::cdp::IntoEventKind + Send + Sync + Unpin + 'static,
    {
        let list = Arc::clone(&self.0);
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                list.lock().unwrap().extend(judge(&event));
            }
        });
    }

    fn list(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// The middle of what was seen, where neither labels nor buttons are.
pub(super) struct Picture(RgbImage);

impl Picture {
    fn read(png: &[u8]) -> Self {
        let whole =
            image::ImageReader::with_format(Cursor::new(png), image::ImageFormat::Png).decode().unwrap();
        let (width, height) = (whole.width(), whole.height());
        Self(whole.crop_imm(width / 6, height / 4, width * 2 / 3, height / 2).to_rgb8())
    }

    /// Share of the pixels that differ from the background, which is the colour of the first one.
    pub(super) fn covered(&self) -> f64 {
        let background = self.0.get_pixel(0, 0);
        let covered = self.0.pixels().filter(|pixel| distance(background.0, pixel.0) > 8.0).count();
        covered as f64 / f64::from(self.0.width() * self.0.height())
    }

    /// How many colours it has.
    pub(super) fn colours(&self) -> usize {
        self.0.pixels().map(|pixel| pixel.0).collect::<HashSet<_>>().len()
    }

    /// Mean FLIP error: how different they look to a person.
    pub(super) fn error(&self, other: &Self) -> f64 {
        assert_eq!(self.0.dimensions(), other.0.dimensions(), "the panes have the same size");
        let [before, after] = [self, other].map(|picture| Perceived::of(&picture.into()));
        let errors = flip::flip(&before, &after);
        errors.iter().map(|error| f64::from(*error)).sum::<f64>() / errors.len() as f64
    }

    /// Mean difference of two pictures over all pixels and channels, 0 to 255.
    pub(super) fn difference(&self, other: &Self) -> f64 {
        assert_eq!(self.0.dimensions(), other.0.dimensions(), "the panes have the same size");
        let sum: f64 = self.0.pixels().zip(other.0.pixels()).map(|(a, b)| distance(a.0, b.0)).sum();
        sum / f64::from(self.0.width() * self.0.height())
    }
}

impl From<&Picture> for flip::Picture {
    fn from(picture: &Picture) -> Self {
        let pixels = picture.0.pixels().map(|pixel| pixel.0).collect();
        Self { width: picture.0.width() as usize, pixels }
    }
}

fn distance(a: [u8; 3], b: [u8; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(b))).sum::<f64>() / 3.0
}
