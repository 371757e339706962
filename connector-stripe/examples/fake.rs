//! Serves an emulated Stripe on a free loopback port until standard input closes.
//!
//! Prints one line of JSON that says how to reach it. With `--webhook-url URL` it posts signed webhooks there.
//!
//! ```text
//! cargo run -p connector-stripe --features fake --example stripe-fake
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use connector_stripe::fake::{FakeConfig, FakeStripe};
use sync_core::clock::SystemClock;
use sync_core::http::ReqwestTransport;
use sync_core::testing::fake::FakeServer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Webhooks go to loopback without TLS, but the HTTP client wants a provider all the same.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return Err("a TLS provider is installed already".into());
    }
    let mut config = FakeConfig::default();
    config.webhooks.url = webhook_url(std::env::args().skip(1))?;
    let hello = serde_json::json!({
        "api_key": config.api_key, "base_url": "", "webhook_secret": config.webhooks.secrets.first()
    });
    let transport = Arc::new(ReqwestTransport::new(Duration::from_secs(10))?);
    let server = FakeServer::start(FakeStripe::new(config), Arc::new(SystemClock), transport).await?;
    say(hello, &server.base_url())?;
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    Ok(())
}

fn webhook_url(mut arguments: impl Iterator<Item = String>) -> Result<Option<String>, String> {
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok(None),
        (Some("--webhook-url"), Some(url)) => Ok(Some(url)),
        _ => Err("usage: stripe-fake [--webhook-url URL]".to_owned()),
    }
}

fn say(mut hello: serde_json::Value, base_url: &str) -> io::Result<()> {
    hello["base_url"] = base_url.into();
    let mut out = io::stdout().lock();
    writeln!(out, "{hello}")?;
    out.flush()
}
