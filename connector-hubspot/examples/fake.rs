//! Serves an emulated HubSpot on a loopback port until standard input is closed.
//!
//! Prints one line of JSON with all that a client needs: `base_url`, `token`, `portal_id`, `app_id`, `client_secret`.
//! With `--webhook-url URL` it posts signed webhooks there.

use std::sync::Arc;
use std::time::Duration;

use connector_hubspot::fake::{FakeConfig, FakeHubSpot};
use serde_json::json;
use sync_core::clock::SystemClock;
use sync_core::http::ReqwestTransport;
use sync_core::testing::fake::FakeServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The real HubSpot waits five seconds for a webhook's answer.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut config = FakeConfig::default();
    config.webhooks.url = webhook_url(std::env::args().skip(1))?;
    let announcement = json!({
        "token": config.access_token,
        "portal_id": config.portal_id,
        "app_id": config.app_id,
        "client_secret": config.client_secret,
    });
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let transport = Arc::new(ReqwestTransport::new(WEBHOOK_TIMEOUT)?);
    let server = FakeServer::start(FakeHubSpot::new(config), Arc::new(SystemClock), transport).await?;
    announce(announcement, &server.base_url()).await?;
    let mut ignored = Vec::new();
    tokio::io::stdin().read_to_end(&mut ignored).await?;
    Ok(())
}

fn webhook_url(mut arguments: impl Iterator<Item = String>) -> Result<Option<String>, String> {
    match (arguments.next().as_deref(), arguments.next(), arguments.next()) {
        (None, _, _) => Ok(None),
        (Some("--webhook-url"), Some(url), None) => Ok(Some(url)),
        _ => Err("usage: fake [--webhook-url URL]".to_owned()),
    }
}

async fn announce(mut announcement: serde_json::Value, base_url: &str) -> std::io::Result<()> {
    announcement["base_url"] = json!(base_url);
    let mut out = tokio::io::stdout();
    out.write_all(format!("{announcement}\n").as_bytes()).await?;
    out.flush().await
}
