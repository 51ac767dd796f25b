//! Listens to what other nodes tell, and passes it on to whoever listens here.
//!
//! So a page that is connected to this node follows a job of another. What was missed while there was no connection is
//! made up for: whoever waits reads again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::RedisResult;

use super::Bridge;
use super::mirror::Told;
use crate::events::Change;

const PAUSE_AFTER_FAULT: Duration = Duration::from_millis(500);

/// For ever.
pub(super) async fn run(bridge: Arc<Bridge>) {
    loop {
        bridge.link.connected().await;
        let mut changes = bridge.link.watch();
        tokio::select! {
            heard = listen(&bridge) => {
                let _ = heard.inspect_err(|error| bridge.link.suspect(error));
            }
            // A connection that only listens does not notice that the other end is gone.
            _ = changes.wait_for(|is_connected| !is_connected) => {}
        }
        tokio::time::sleep(PAUSE_AFTER_FAULT).await;
    }
}

async fn listen(bridge: &Bridge) -> RedisResult<()> {
    let (mut pubsub, _counted) = bridge.link.pubsub().await?;
    pubsub.subscribe(bridge.keys.events()).await?;
    bridge.jobs.announce_gap();
    let mut messages = pubsub.on_message();
    while let Some(message) = messages.next().await {
        let Ok(told) = serde_json::from_str::<Told>(&message.get_payload::<String>()?) else { continue };
        if told.node != bridge.node {
            let change = told.progress.map_or(Change::State, Change::Progress);
            bridge.jobs.announce_elsewhere(told.job, change);
        }
    }
    Ok(())
}
