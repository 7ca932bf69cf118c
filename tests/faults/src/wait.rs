//! Waiting with a deadline.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Looks until `look` gives something.
///
/// # Panics
/// When that takes longer than `limit`; `what` says what did not come.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "after {limit:?} still not: {what}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Awaits something that must end.
///
/// # Panics
/// When it takes longer than `limit`; `what` says what hangs.
pub async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(limit, future).await {
        Ok(value) => value,
        Err(_) => panic!("it hangs: {what} took longer than {limit:?}"),
    }
}
