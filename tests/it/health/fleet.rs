//! What `/health` and `/metrics` say while Redis comes, goes and hangs.

use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::tempdir;

use super::health;
use crate::metrics::Samples;
use crate::redis_server::Redis;
use crate::support::Server;

#[tokio::test]
async fn without_redis_it_is_not_configured_and_that_is_no_fault() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let health = health(&server).await;
    for part in ["redis", "storage"] {
        let component = &health["components"][part];
        assert_eq!(component["status"], "not_configured", "{health}");
        assert_eq!(component["healthy"], true);
    }
    assert_eq!((&health["status"], &health["switches"]), (&"ok".into(), &Value::Array(Vec::new())));
}

#[tokio::test]
async fn redis_that_comes_and_goes_is_degraded_and_never_unhealthy() {
    let (folder, shared) = (tempdir().unwrap(), tempdir().unwrap());
    let mut redis = Redis::start_with(&["--requirepass", "sesame"]);
    let url = format!("redis://:sesame@127.0.0.1:{}", redis.port);
    let storage = format!("file://{}", shared.path().display());
    let server = Server::start_with(folder.path(), &[("REDIS_URL", &url), ("STORAGE_URL", &storage)]);
    // A tier that was over before anybody looked would be no switch.
    let switched = |count: usize| move |health: &Value| health["switches"].as_array().unwrap().len() == count;
    let health = server.health_until(switched(1)).await;
    assert_eq!((&health["tier"], &health["status"]), (&"redis".into(), &Value::from("ok")), "{health}");
    let part = &health["components"]["redis"];
    assert_eq!((&part["status"], &part["healthy"]), (&"connected".into(), &true.into()));
    assert!(part["response_time_ms"].as_f64().unwrap() > 0.0);
    let connection = &part["connection"];
    assert_eq!((&connection["host"], &connection["password_set"]), (&"127.0.0.1".into(), &true.into()));
    assert_eq!(connection["port"], redis.port);
    let count = |name: &str| connection[name].as_u64().unwrap();
    assert!(count("active_connections") >= 1 && count("active_connections") <= count("max_connections"));
    assert_eq!((count("pool_size"), count("max_connections")), (4, 20));
    assert!(!health.to_string().contains("sesame"));
    assert_eq!(health["components"]["storage"]["status"], "shared");
    let found = Samples::of(&server).await;
    assert_eq!((found.sum("redis_up", &[]), found.sum("tier", &[("tier", "redis")])), (1.0, 1.0));
    assert!(found.sum("redis_latency_seconds", &[]) > 0.0);

    redis.kill();
    let health = server.health_until(switched(2)).await;
    let expected = (&"embedded".into(), &Value::from("degraded"));
    assert_eq!((&health["tier"], &health["status"]), expected, "{health}");
    assert_eq!(server.get("/health").await.status(), 200);
    assert_eq!(server.get("/health/ready").await.status(), 200);
    let health = server.health_until(|health| health["components"]["redis"]["cause"] == "refused").await;
    let part = &health["components"]["redis"];
    assert_eq!((&part["status"], &part["healthy"]), (&"disconnected".into(), &false.into()));
    assert!(health["tier_reason"].as_str().unwrap().contains("error 111"), "{health}");

    redis.start_again();
    let health = server.health_until(switched(3)).await;
    let switches = health["switches"].as_array().unwrap();
    let to: Vec<&str> = switches.iter().map(|switch| switch["to"].as_str().unwrap()).collect();
    assert_eq!(to, ["redis", "embedded", "redis"]);
    assert!(switches.iter().all(|switch| !switch["reason"].as_str().unwrap().is_empty()));
    assert!(switches[0]["at"].as_str().unwrap() <= switches[2]["at"].as_str().unwrap());
    let found = Samples::of(&server).await;
    assert_eq!(found.sum("tier_switches_total", &[("from", "redis"), ("to", "embedded")]), 1.0);
    assert!(found.sum("redis_errors_total", &[("cause", "refused")]) >= 1.0);
}

#[tokio::test]
async fn a_redis_that_hangs_delays_no_answer() {
    let folder = tempdir().unwrap();
    let redis = Redis::start();
    redis.freeze();
    let server = Server::start_with(folder.path(), &[("REDIS_URL", &redis.url())]);
    // The first look starts a child.
    health(&server).await;
    let start = Instant::now();
    let health = server.health_until(|health| health["components"]["redis"]["cause"] == "timed_out").await;
    assert_eq!((&health["status"], &health["tier"]), (&"degraded".into(), &"embedded".into()), "{health}");
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    let quickest = {
        let mut quickest = Duration::MAX;
        for _ in 0..10 {
            let start = Instant::now();
            server.get("/health").await;
            quickest = quickest.min(start.elapsed());
        }
        quickest
    };
    // It would be two seconds if anybody waited for Redis.
    assert!(quickest < Duration::from_millis(500), "{quickest:?}");
    redis.thaw();
    server.health_until(|health| health["components"]["redis"]["status"] == "connected").await;
}

#[tokio::test]
async fn strangers_learn_only_whether_the_server_works() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let request = server.client.get(server.address("/health")).header("x-forwarded-for", "203.0.113.7");
    let request = request.header("authorization", "Bearer nothing");
    let health: Value = request.send().await.unwrap().json().await.unwrap();
    let members: Vec<&String> = health.as_object().unwrap().keys().collect();
    assert_eq!(members, ["status", "tier", "services"]);
    assert_eq!(health["services"]["database"], "ok");
}
