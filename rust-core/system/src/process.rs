//! The process itself.

/// Ends the process at once; in a simulation, the simulated one: its tasks are never polled again.
pub async fn end(code: i32) -> ! {
    #[cfg(feature = "simulation")]
    if crate::simulation::end_process(code) {
        std::future::pending::<()>().await;
    }
    std::process::exit(code)
}
