//! Nodes that share their files through S3: a real server, in this process.

use std::path::Path;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

use super::nodes::{Fleet, health_until, until_nodes, until_tier};
use crate::redis_server::Redis;
use crate::support::{Server, padded_glb};

const KEY: &str = "the-key";
const SECRET: &str = "the-secret";

/// Starts an S3 server whose buckets are the folders below `root`; returns its address.
async fn s3_server(root: &Path) -> String {
    std::fs::create_dir_all(root.join("models")).unwrap();
    let mut service = S3ServiceBuilder::new(FileSystem::new(root).unwrap());
    service.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = service.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let builder = Builder::new(TokioExecutor::new());
            let connection = builder.serve_connection(TokioIo::new(socket), service.clone()).into_owned();
            tokio::spawn(connection);
        }
    });
    address
}

fn node(fleet: &Fleet, name: &str, endpoint: &str, secret: &str) -> Server {
    fleet.node_with(
        name,
        &[
            ("STORAGE_URL", "s3://models/a/prefix"),
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_REGION", "eu-central-1"),
        ],
    )
}

#[tokio::test]
async fn two_nodes_share_work_and_files_through_s3() {
    let (redis, root) = (Redis::start(), tempfile::tempdir().unwrap());
    let fleet = Fleet::of(&redis);
    let endpoint = s3_server(root.path()).await;
    let [busy, free] = ["busy", "free"].map(|name| node(&fleet, name, &endpoint, SECRET));
    until_tier(&free, "redis").await;
    until_nodes(&busy, 2).await;
    let _frozen = busy.submit_frozen().await;
    // More than one part of an upload has.
    let model = padded_glb(12 << 20);
    let id = busy.submit(model.clone()).await;
    assert_eq!(busy.finished(&id).await["state"], "completed");
    for what in ["original", "result", "report"] {
        let mut bytes = Vec::new();
        for node in [&busy, &free] {
            bytes.push(node.get(&format!("/api/v1/jobs/{id}/{what}")).await.bytes().await.unwrap());
        }
        assert_eq!(bytes[0], bytes[1], "{what}");
        assert!(what != "original" || bytes[0] == model);
    }
    assert!(root.path().join("models/a/prefix/blobs").is_dir());
}

#[tokio::test]
async fn a_wrong_secret_for_s3_is_named_and_never_shown() {
    let (redis, root) = (Redis::start(), tempfile::tempdir().unwrap());
    let fleet = Fleet::of(&redis);
    let endpoint = s3_server(root.path()).await;
    let node = node(&fleet, "wrong", &endpoint, "not-the-secret");
    let reason = |health: &serde_json::Value| health["tier_reason"].as_str().unwrap_or_default().to_owned();
    let health = health_until(&node, |health| reason(health).contains("cannot be used")).await;
    assert_eq!(health["tier"], "embedded");
    assert!(reason(&health).contains("s3://models/a/prefix"), "{health:#}");
    assert!(!health.to_string().contains("not-the-secret"), "{health:#}");
}
