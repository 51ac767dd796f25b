//! Compares docs/limits.md with the code. There is nothing else in here.

use super::{bodies, connections};
use crate::config::{Config, Flags};
use crate::jobs;
use crate::optimize::document::limits::Limits;
use crate::queue::{MAX_LOST_ATTEMPTS, MAX_NODE_FAULTS};

#[test]
fn the_table_of_limits_says_what_the_code_does() {
    let table = include_str!("../../docs/limits.md");
    let config = Config::of(Flags::default(), &|_| None).unwrap();
    let Config { max_file_bytes, task_timeout, retention, disk_quota_bytes, intake, rates, .. } = config;
    let model = Limits::default();
    let (window_s, head_s) = (bodies::WINDOW.as_secs(), connections::HEAD_TIME.as_secs());
    let (open, own) = (bodies::MAX_OPEN, bodies::MAX_OPEN_PER_CLIENT);
    let head_kb = connections::MAX_HEAD_BYTES >> 10;
    for row in [
        format!("| one upload | {} MB |", max_file_bytes >> 20),
        format!("included | {} |", disk_quota_bytes.map_or("none".into(), |bytes| bytes.to_string())),
        format!("after a job's end | {} h |", retention.unwrap().as_secs() / 3600),
        format!("may come | {} kB/s over {window_s} s |", intake.min_upload_bytes_per_s >> 10),
        format!("| uploads at once | {open}, {own} of one client |"),
        format!("compared at once | one for each 4 workers, {} more wait |", jobs::MOST_WAITING),
        format!("| jobs that wait | {} |", intake.max_queued_jobs),
        format!("| unfinished jobs of one client | {} |", intake.max_jobs_per_client),
        format!(
            "| uploads, and other requests, of one client | {} and {} a minute |",
            rates.uploads.unwrap(),
            rates.requests.unwrap()
        ),
        format!("| time of one attempt at a job | {} s |", task_timeout.as_secs()),
        format!("| attempts that end with the whole program | {MAX_LOST_ATTEMPTS} |"),
        format!("such as a full disk | {MAX_NODE_FAULTS}, about a day |"),
        format!(
            "| connections at once | {}, {} of one address |",
            connections::MAX_CONNECTIONS,
            connections::MAX_CONNECTIONS_PER_ADDRESS
        ),
        format!("| time without taking any of an answer | {} s |", connections::TAKE_TIME.as_secs()),
        format!("| head of a request | {head_s} s, {head_kb} kB, {} lines |", connections::MAX_HEADER_LINES),
        format!("| JSON of a model | {} MB |", model.json_bytes >> 20),
        format!("such as nodes | {} |", model.items),
        format!("| nodes below each other | {} |", model.node_depth),
        format!("| arrays of a model, unpacked | {} MB |", model.decoded_bytes >> 20),
        format!("for each use | {} |", model.repeated_elements),
        format!("| pixels of one image | {} |", model.image_pixels),
    ] {
        assert!(table.contains(&row), "docs/limits.md does not say {row:?}");
    }
}
