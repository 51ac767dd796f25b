//! A result of one node answers the same upload at another, as long as Redis and the shared storage are there.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;
use tempfile::tempdir;

use crate::redis_server::Redis;
use crate::support::{Server, padded_glb};

/// One attempt is enough: what counts is who made it.
const FAST: &str = "&effort=fast";

/// What Redis answers to one line.
fn asked(redis: &Redis, line: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port)).unwrap();
    stream.write_all(format!("{line}\r\nQUIT\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

async fn result(server: &Server, job: &Value) -> Vec<u8> {
    let path = format!("/api/v1/jobs/{}/result", job["id"].as_str().unwrap());
    let response = server.get(&path).await;
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn what_one_node_has_done_another_answers_at_once_and_without_redis_it_works_itself() {
    let folders = [tempdir().unwrap(), tempdir().unwrap()];
    let shared = tempdir().unwrap();
    let redis = Redis::start();
    let variables =
        [("REDIS_URL", redis.url()), ("STORAGE_URL", format!("file://{}", shared.path().display()))];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let [one, other] = folders.each_ref().map(|folder| Server::start_with(folder.path(), &variables));
    for server in [&one, &other] {
        server.health_until(|health| health["tier"] == "redis").await;
    }
    let id = one.submit_with(padded_glb(4_000), FAST, &[]).await["id"].as_str().unwrap().to_owned();
    let done = one.finished(&id).await;
    let expected = result(&one, &done).await;
    let start = std::time::Instant::now();
    let keys = loop {
        let keys = asked(&redis, "KEYS glb-optimizer:result:*");
        if keys.contains("result:") {
            break keys;
        }
        assert!(start.elapsed() < crate::support::DEADLINE, "the result is not remembered");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    };
    let key = keys.lines().find(|line| line.contains("result:")).unwrap().trim();
    let seconds = asked(&redis, &format!("TTL {key}"));
    let seconds: u64 = seconds.lines().next().unwrap().trim_start_matches(':').parse().unwrap();
    assert!((3_000..=3_600).contains(&seconds), "{seconds}");

    let job = other.submit_with(padded_glb(4_000), FAST, &[]).await;
    assert_eq!((&job["state"], &job["cached"]), (&"completed".into(), &true.into()), "{job}");
    assert_eq!(result(&other, &job).await, expected);
    // Other settings are another result.
    let job = other.submit_with(padded_glb(4_000), "&preset=high", &[]).await;
    assert_eq!(job["cached"], false, "{job}");

    let second = one.submit_with(padded_glb(8_000), FAST, &[]).await;
    one.finished(second["id"].as_str().unwrap()).await;
    drop(redis);
    let job = other.submit_with(padded_glb(8_000), FAST, &[]).await;
    let job = other.finished(job["id"].as_str().unwrap()).await;
    assert_eq!((&job["state"], &job["cached"]), (&"completed".into(), &false.into()), "{job}");
}
