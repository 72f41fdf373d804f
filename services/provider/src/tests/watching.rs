//! A watched folder: what is complete is posted, once, over restarts.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    exchange::{Fault, Site},
    *,
};
use crate::{Pace, PostSummary, Report, WATCH_FILE_NAME, watch};

const PACE: Pace = Pace { every: Duration::from_millis(20), settle: Duration::from_millis(200) };

/// A watch in the background, and what it reported.
struct Watching {
    task: tokio::task::JoinHandle<()>,
    runs: Arc<Mutex<Vec<PostSummary>>>,
}

impl Watching {
    fn start(site: &Site, folder: &Path) -> Self {
        Self::start_at(PACE, site, folder)
    }

    fn start_at(pace: Pace, site: &Site, folder: &Path) -> Self {
        let runs = Arc::new(Mutex::new(Vec::new()));
        let (config, folders, heard) = (site.config.clone(), vec![folder.to_owned()], runs.clone());
        let task = tokio::spawn(async move {
            let mut report = |report: Report| {
                if let Report::Posted(summary) = report {
                    heard.lock().unwrap().push(*summary);
                }
            };
            watch(&config, &folders, pace, &(), &mut report).await.unwrap();
        });
        Self { task, runs }
    }

    fn runs(&self) -> usize {
        self.runs.lock().unwrap().len()
    }

    /// Waits until there were so many runs.
    async fn until(&self, runs: usize) -> PostSummary {
        for _ in 0..1_500 {
            if self.runs() >= runs {
                return self.runs.lock().unwrap()[runs - 1].clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} runs, not {runs}", self.runs());
    }

    async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_posted_as_they_come_and_not_again_after_a_restart() {
    let site = Site::new().await;
    let folder = tempfile::tempdir().unwrap();
    let watching = Watching::start(&site, folder.path());
    // Its patient comes in another file, earlier.
    std::fs::write(folder.path().join("p.json"), patient()).unwrap();
    assert_eq!(watching.until(1).await.posted, 0);
    std::fs::write(folder.path().join("440100198002290011.json.part"), weight("o1", "2026-01-05", "70")).unwrap();
    tokio::time::sleep(2 * PACE.settle).await;
    assert_eq!(watching.runs(), 1, "a file of another ending is not there");
    let complete = folder.path().join("440100198002290011.json");
    std::fs::rename(folder.path().join("440100198002290011.json.part"), &complete).unwrap();
    assert_eq!(watching.until(2).await.posted, 1);
    watching.stop().await;
    let memory = std::fs::read_to_string(site.config.data.join(WATCH_FILE_NAME)).unwrap();
    assert!(!memory.contains("440100198002290011"), "no path is remembered");

    let again = Watching::start(&site, folder.path());
    tokio::time::sleep(3 * PACE.settle).await;
    assert_eq!(again.runs(), 0, "nothing has come");
    std::fs::write(folder.path().join("b.json"), weight("o2", "2026-02-05", "71")).unwrap();
    let run = again.until(1).await;
    assert_eq!((run.posted, run.already_posted, run.files), (1, 1, 3));
    again.stop().await;
    assert_eq!(site.size(), 2);
    assert!(complete.exists(), "nothing is moved");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_as_a_whole_is_not_taken_for_done() {
    let site = Site::new().await;
    site.will(&[Fault::RefuseWhole]);
    let folder = tempfile::tempdir().unwrap();
    let lines = format!("{}\n{}\n", patient(), weight("o1", "2026-01-05", "70"));
    std::fs::write(folder.path().join("a.ndjson"), lines).unwrap();
    let watching = Watching::start(&site, folder.path());
    let run = watching.until(1).await;
    watching.stop().await;
    assert_eq!((run.posted, run.refused_records()), (0, 1));
    // Its file has not changed; a restart does not wait for the next attempt.
    let again = Watching::start(&site, folder.path());
    assert_eq!(again.until(1).await.posted, 1);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_still_grows_is_waited_for() {
    let site = Site::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ndjson");
    // Five times as long as it is between two writes, as threads may wait for a processor.
    let settle = Duration::from_millis(1_000);
    let watching = Watching::start_at(Pace { settle, ..PACE }, &site, folder.path());
    let mut text = format!("{}\n", patient());
    for month in ["2025-10", "2025-11", "2025-12", "2026-01"] {
        text += &format!("{}\n", weight(&format!("o-{month}"), &format!("{month}-05"), "70"));
        std::fs::write(&path, &text).unwrap();
        tokio::time::sleep(settle / 5).await;
    }
    let run = watching.until(1).await;
    watching.stop().await;
    assert_eq!((run.posted, site.size()), (4, 4), "all of it in the first run");
}
