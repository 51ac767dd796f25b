//! How often one client may ask: 2xx or 429 with Retry-After, with Redis, without, and while it goes away.

use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tempfile::tempdir;

use crate::redis_server::Redis;
use crate::support::{Server, triangle_glb};

/// As somebody who shows nothing.
async fn upload(server: &Server) -> Response {
    Client::new().post(server.address("/api/v1/jobs")).body(triangle_glb()).send().await.unwrap()
}

async fn status(server: &Server, path: &str) -> StatusCode {
    Client::new().get(server.address(path)).send().await.unwrap().status()
}

/// Sends files until one is refused; returns how many were taken.
async fn taken_of(server: &Server, count: usize) -> usize {
    let mut taken = 0;
    for _ in 0..count {
        let response = upload(server).await;
        let status = response.status();
        assert!([StatusCode::ACCEPTED, StatusCode::TOO_MANY_REQUESTS].contains(&status), "{status}");
        if status == StatusCode::TOO_MANY_REQUESTS {
            let seconds: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=61).contains(&seconds), "{seconds}");
            let problem: Value = response.json().await.unwrap();
            assert_eq!(problem["code"], "too_often");
            break;
        }
        taken += 1;
    }
    taken
}

#[tokio::test]
async fn the_sixth_upload_of_five_in_a_minute_is_refused_and_the_rest_of_the_server_is_not() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[("RATE_LIMIT_UPLOADS", "5")]);
    assert_eq!(taken_of(&server, 10).await, 5);
    for path in ["/health", "/health/live", "/"] {
        assert_eq!(status(&server, path).await, 200, "{path}");
    }
}

#[tokio::test]
async fn who_guesses_api_keys_is_refused_like_anybody_who_asks_too_often() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[("RATE_LIMIT_REQUESTS", "3")]);
    let guess = async || {
        let request = Client::new().get(server.address("/health/live")).bearer_auth("glbo_0123456789abcdef");
        request.send().await.unwrap().status()
    };
    for _ in 0..3 {
        assert_eq!(guess().await, 401);
    }
    assert_eq!(guess().await, 429);
    // Others at the same address still learn how the server does.
    assert_eq!(status(&server, "/health/live").await, 200);
}

#[tokio::test]
async fn requests_are_limited_too_but_never_health() {
    let folder = tempdir().unwrap();
    let server = Server::start_with(folder.path(), &[("RATE_LIMIT_REQUESTS", "3")]);
    for _ in 0..3 {
        assert_eq!(status(&server, "/").await, 200);
    }
    assert_eq!(status(&server, "/").await, 429);
    for _ in 0..10 {
        assert_eq!(status(&server, "/health").await, 200);
    }
    assert_eq!(upload(&server).await.status(), 202);
}

#[tokio::test]
async fn all_nodes_count_together_while_redis_answers_and_alone_when_it_is_gone() {
    let folders = [tempdir().unwrap(), tempdir().unwrap()];
    let redis = Redis::start();
    let url = redis.url();
    let variables = [("REDIS_URL", url.as_str()), ("RATE_LIMIT_UPLOADS", "6")];
    let servers = folders.each_ref().map(|folder| Server::start_with(folder.path(), &variables));
    for server in &servers {
        server.health_until(|health| health["components"]["redis"]["status"] == "connected").await;
    }
    assert_eq!(taken_of(&servers[0], 4).await, 4);
    // Where the minute of the shared counter ends in between, more are taken; never more than this node's own share.
    assert_eq!(taken_of(&servers[1], 10).await, 2);

    // It hangs, and nobody knows yet: not refused for that, and not kept waiting.
    redis.freeze();
    let start = std::time::Instant::now();
    let taken = taken_of(&servers[0], 10).await;
    assert!((1..=5).contains(&taken), "{taken}");
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
    redis.thaw();
}

#[tokio::test]
async fn a_burst_while_redis_dies_is_answered_with_2xx_or_429() {
    let folder = tempdir().unwrap();
    let redis = Redis::start();
    let variables = [("REDIS_URL", redis.url()), ("RATE_LIMIT_UPLOADS", "20".to_owned())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let server = Server::start_with(folder.path(), &variables);
    server.health_until(|health| health["components"]["redis"]["status"] == "connected").await;
    assert_eq!(taken_of(&server, 5).await, 5);
    drop(redis);
    let burst = (0..40).map(|_| upload(&server));
    let answers = futures_util::future::join_all(burst).await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status() == status).count();
    assert_eq!(count(202) + count(429), 40);
    // A slow machine gives new shares meanwhile.
    assert!((15..=25).contains(&count(202)), "{}", count(202));
}
