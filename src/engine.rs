//! The runner, in a process of its own or as a task of this one.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use runner_http::Config;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::StageError;

/// How the engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// As a child process: this very program, started again with `serve --config FILE`. It can be killed.
    Process,
    /// As a task.
    Task,
}

/// A running engine.
#[derive(Debug)]
pub enum Engine {
    /// See [`How::Process`].
    Process(Child),
    /// See [`How::Task`].
    Task(JoinHandle<Result<(), String>>, oneshot::Sender<()>),
}

impl Engine {
    /// Starts it. It takes webhooks once it is [ready](Self::ready).
    ///
    /// # Errors
    /// When there is no program or no configuration to start.
    pub fn launch(
        how: How,
        environment: &[(String, PathBuf)],
        config: &Path,
        port_file: &Path,
        log: &Path,
    ) -> Result<Self, StageError> {
        match std::fs::remove_file(port_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        match how {
            How::Process => Self::process(environment, config, log),
            How::Task => Self::task(config),
        }
    }

    /// Waits until it takes webhooks.
    ///
    /// # Errors
    /// When it has ended instead.
    pub async fn ready(&mut self, port_file: &Path, log: &Path) -> Result<(), StageError> {
        while !port_file.exists() {
            if self.has_ended() {
                return Err(StageError::Engine(format!("it ended at once; see {}", log.display())));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    fn process(environment: &[(String, PathBuf)], config: &Path, log: &Path) -> Result<Self, StageError> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        let child = Command::new(std::env::current_exe()?)
            .args(["serve", "--config"])
            .arg(config)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self::Process(child))
    }

    fn task(config: &Path) -> Result<Self, StageError> {
        let config = Config::load(config).map_err(|e| StageError::Engine(e.to_string()))?;
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            // A dropped sender means as much as a sent word.
            let shutdown = async { drop(stopped.await) };
            runner_http::serve(config, shutdown).await.map_err(|e| e.to_string())
        });
        Ok(Self::Task(task, stop))
    }

    fn has_ended(&mut self) -> bool {
        match self {
            Self::Process(child) => !matches!(child.try_wait(), Ok(None)),
            Self::Task(task, _) => task.is_finished(),
        }
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub async fn kill(self) -> Result<(), StageError> {
        match self {
            Self::Process(mut child) => Ok(child.kill().await?),
            Self::Task(task, _) => {
                task.abort();
                // It was cancelled: that is what we asked for.
                let _ = task.await;
                Ok(())
            }
        }
    }

    /// The id of its process, if it has one of its own.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        match self {
            Self::Process(child) => child.id(),
            Self::Task(..) => None,
        }
    }

    /// Sends its process a signal, by its name without `SIG`.
    ///
    /// # Errors
    /// When it has no process, or the signal cannot be sent.
    pub async fn signal(&self, name: &str) -> Result<(), StageError> {
        let id = self.process_id().ok_or_else(|| StageError::Engine("it has no process".to_owned()))?;
        // The shell's own `kill`: a minimal machine has no other.
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().await?;
        status.success().then_some(()).ok_or_else(|| StageError::Engine(format!("kill ended with {status}")))
    }

    /// Asks it to finish what it is doing, and waits.
    ///
    /// # Errors
    /// When it does not end in an orderly way.
    pub async fn stop(self) -> Result<(), StageError> {
        if matches!(self, Self::Process(_)) {
            self.signal("TERM").await?;
        }
        match self {
            Self::Process(mut child) => {
                let status = child.wait().await?;
                status
                    .success()
                    .then_some(())
                    .ok_or_else(|| StageError::Engine(format!("it ended with {status}")))
            }
            Self::Task(task, stop) => {
                let _ = stop.send(());
                let result = task.await.map_err(|e| StageError::Engine(e.to_string()))?;
                result.map_err(StageError::Engine)
            }
        }
    }
}
