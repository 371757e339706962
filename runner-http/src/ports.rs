//! The two ports, and telling others which they are.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio::net::TcpListener;

use crate::config::ServerConfig;
use crate::serve::RunError;

/// Both ports, bound.
pub(crate) struct Ports {
    pub(crate) webhooks: TcpListener,
    pub(crate) admin: TcpListener,
    pub(crate) addresses: Addresses,
}

/// The addresses actually bound; the configuration may leave the choice of a port to the system.
#[derive(Debug, Serialize)]
pub(crate) struct Addresses {
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
}

impl Ports {
    /// Binds both ports. Nobody is answered yet. A port file of an earlier run is removed, as it no longer holds.
    pub(crate) async fn bind(server: &ServerConfig) -> Result<Self, RunError> {
        if let Some(path) = &server.port_file {
            remove(path).map_err(|source| RunError::PortFile { path: path.clone(), source })?;
        }
        let (webhooks, listen) = bind("server.listen", server.listen).await?;
        let (admin, admin_listen) = bind("server.admin_listen", server.admin_listen).await?;
        Ok(Self { webhooks, admin, addresses: Addresses { listen, admin_listen } })
    }
}

impl Addresses {
    /// Writes them as JSON. Whoever waits for the file sees all of it or nothing.
    pub(crate) fn write(&self, path: &Path) -> Result<(), RunError> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".new");
        let unfinished = PathBuf::from(unfinished);
        serde_json::to_vec(self)
            .map_err(std::io::Error::from)
            .and_then(|json| std::fs::write(&unfinished, json))
            .and_then(|()| std::fs::rename(&unfinished, path))
            .map_err(|source| RunError::PortFile { path: path.to_owned(), source })
    }
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), RunError> {
    let failed = |source| RunError::Listen { key, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
