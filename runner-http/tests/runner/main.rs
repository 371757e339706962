//! The runner through its public faces: the configuration, the sockets, the process.

#[cfg(test)]
mod config;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod process;
#[cfg(test)]
mod running;
#[cfg(test)]
mod support;
#[cfg(test)]
mod webhooks;
