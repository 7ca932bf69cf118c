//! The `holdfast` binary as people and scripts use it: real processes, real sockets, any free port.

mod cluster;
mod config;
mod observe;
mod protect;
mod stop;
mod support;
mod target;
mod verbs;
