//! Sockets and their limits: how many connections, how long a header may take and how large it may be.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// Longest the header of a request may take to arrive, and longest a connection may be idle between two.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// Largest header, in bytes.
const HEADER_BYTES: usize = 32 * 1024;
/// Wait after a connection could not be accepted, for example because too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `routes` until `stop` completes, then accepts no more and waits for the requests under way.
///
/// Of more than `most` connections, the others wait in the system's queue.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    most: usize,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(most));
    let graceful = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let connection = tokio::select! {
            biased;
            () = &mut stop => break,
            connection = accept(&listener, &places) => connection,
        };
        tasks.spawn(talk(connection, routes.clone(), graceful.watcher()));
        while tasks.try_join_next().is_some() {}
    }
    drop(listener);
    graceful.shutdown().await;
    while tasks.join_next().await.is_some() {}
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // An error would mean that the semaphore was closed, which nobody does.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn talk((stream, _place): (TcpStream, Option<OwnedSemaphorePermit>), routes: Router, watcher: Watcher) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
