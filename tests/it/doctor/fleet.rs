//! The doctor's look at Redis and at the shared storage, each made to fail for real.

use std::net::TcpListener;

use tempfile::tempdir;

use super::{Said, examine, free_address};
use crate::redis_server::Redis;
use crate::support::{DEADLINE, Server};

async fn with_redis(url: &str) -> Said {
    let folder = tempdir().unwrap();
    examine(folder.path(), &[("REDIS_URL", url)], &["--listen", &free_address()]).await
}

#[tokio::test]
async fn a_redis_in_order_passes_and_missing_storage_and_nodes_are_named() {
    let redis = Redis::start_with(&["--appendonly", "yes"]);
    let said = with_redis(&redis.url()).await;
    assert_eq!(said.code, Some(0), "{}", said.all);
    said.expect("redis", "pass", "takes writes; version ");
    said.expect("redis_persistence", "pass", "appendonly yes");
    said.expect("redis_memory", "pass", "maxmemory-policy noeviction");
    said.expect("redis_nodes", "warn", "no node is there");
    said.expect("storage", "warn", "work is not");
}

#[tokio::test]
async fn a_redis_that_may_forget_is_warned_about() {
    let redis = Redis::start_with(&["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"]);
    let said = with_redis(&redis.url()).await;
    assert_eq!(said.code, Some(0), "{}", said.all);
    said.expect("redis_persistence", "warn", "appendonly no");
    said.expect("redis_memory", "warn", "maxmemory-policy allkeys-lru");
}

#[tokio::test]
async fn passwords_are_checked_and_never_shown() {
    let redis = Redis::start_with(&["--requirepass", "open-sesame"]);
    let (place, port) = ("127.0.0.1", redis.port);
    let none = with_redis(&format!("redis://{place}:{port}")).await;
    none.expect("redis", "fail", "no_password");
    let wrong = with_redis(&format!("redis://:wrong-sesame@{place}:{port}")).await;
    assert_eq!(wrong.code, Some(1));
    wrong.expect("redis", "fail", "wrong_password");
    let right = with_redis(&format!("redis://:open-sesame@{place}:{port}")).await;
    right.expect("redis", "pass", "redis://:***@127.0.0.1");
    let database = with_redis(&format!("redis://:open-sesame@{place}:{port}/99")).await;
    database.expect("redis", "fail", "wrong_database");
    for said in [&none, &wrong, &right, &database] {
        assert!(!said.all.to_string().contains("sesame"), "{}", said.all);
    }
}

#[tokio::test]
async fn every_cause_of_failure_is_told_apart() {
    let full = Redis::start_with(&["--maxmemory", "1"]);
    with_redis(&full.url()).await.expect("redis", "fail", "out_of_memory");
    let replica = Redis::start_with(&["--replicaof", "127.0.0.1", "1"]);
    with_redis(&replica.url()).await.expect("redis", "fail", "read_only");
    let closed = with_redis(&format!("redis://{}", free_address())).await;
    closed.expect("redis", "fail", "error 111");
    closed.expect("redis_memory", "warn", "not known");
    with_redis("redis://no-such-host.invalid").await.expect("redis", "fail", "unresolvable");
}

#[tokio::test]
async fn a_silent_redis_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let start = std::time::Instant::now();
    let said = with_redis(&format!("redis://{}", silent.local_addr().unwrap())).await;
    said.expect("redis", "fail", "timed_out");
    assert!(start.elapsed() < DEADLINE);
}

#[tokio::test]
async fn storage_is_written_and_read_and_the_nodes_that_share_it_are_counted() {
    let (folder, data) = (tempdir().unwrap(), tempdir().unwrap());
    let storage = format!("file://{}", folder.path().join("shared").display());
    let redis = Redis::start_with(&["--appendonly", "yes"]);
    let variables = [("REDIS_URL", redis.url()), ("STORAGE_URL", storage)];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let server = Server::start_with(data.path(), &variables);
    server.health_until(|health| health["tier"] == "redis").await;
    let start = std::time::Instant::now();
    // A node says that it shares a moment after it does.
    let said = loop {
        let said = examine(folder.path(), &variables, &["--listen", &free_address()]).await;
        if said.check("redis_nodes")["verdict"] == "pass" {
            break said;
        }
        assert!(start.elapsed() < DEADLINE, "{}", said.all);
    };
    said.expect("redis_nodes", "pass", "1 nodes, 1 jobs at once");
    said.expect("storage", "pass", "written, read and deleted");
    assert_eq!(std::fs::read_dir(folder.path().join("shared/probe")).map_or(0, Iterator::count), 0);

    let in_the_way = folder.path().join("file");
    std::fs::write(&in_the_way, b"x").unwrap();
    let storage = format!("file://{}/shared", in_the_way.display());
    let said = examine(folder.path(), &[("STORAGE_URL", &storage)], &["--listen", &free_address()]).await;
    said.expect("storage", "fail", "cannot be used");
}
